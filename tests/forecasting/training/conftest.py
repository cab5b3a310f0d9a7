"""The smallest task that the loop can train: a line through points, with dropout."""

import pytest
import torch
from torch import nn

from forecasting.training.loop import TrainingSpec


class LineTask:
    """Fit y = 2x + 1 in batches of 8; what loss and score say can be replaced by a test."""

    def __init__(self):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(7)
            self.model = nn.Sequential(nn.Linear(1, 8), nn.Dropout(0.2), nn.Linear(8, 1))
        self.inputs = torch.linspace(-1, 1, 32).unsqueeze(1)
        self.targets = 2 * self.inputs + 1
        self.passes = 0
        self.spoil = {}
        self.scores = None
        self.carried = []

    def batches(self, generator):
        self.passes += 1
        yield from torch.randperm(32, generator=generator).split(8)

    def loss(self, batch, carry):
        self.carried.append(carry)
        error = nn.functional.mse_loss(self.model(self.inputs[batch]), self.targets[batch])
        return error * self.spoil.get(self.passes, 1.0), (carry or 0) + 1

    def score(self):
        if self.scores is not None:
            return self.scores[self.passes - 1]
        with torch.no_grad():
            return float((self.model(self.inputs) - self.targets).abs().mean())

    @property
    def weights(self):
        return {name: weight.clone() for name, weight in self.model.state_dict().items()}


@pytest.fixture
def make_task():
    return LineTask


@pytest.fixture
def spec_of():
    def build(*, epochs=4, seed=3, **changes):
        return TrainingSpec(epochs=epochs, learning_rate=1e-2, seed=seed, **changes)

    return build


@pytest.fixture
def assert_same_weights():
    """Compare bit by bit."""

    def check(one, other):
        assert one.keys() == other.keys()
        for name, weight in one.items():
            assert torch.equal(weight, other[name]), name

    return check
