"""The plainest ensemble: what its members say in the mean."""

import torch


class Average(torch.nn.Module):
    """The mean of the members' quantiles."""

    def __init__(self, members):
        super().__init__()
        self.members = torch.nn.ModuleList(members)

    def forward(self, history, origin):
        return torch.stack([member(history, origin) for member in self.members]).mean(dim=0)
