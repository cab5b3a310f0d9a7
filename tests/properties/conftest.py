"""Laws run with a fixed number of examples and no deadline: the machine is shared."""

import pytest
import torch
from hypothesis import settings

settings.register_profile("laws", max_examples=40, deadline=None)
settings.load_profile("laws")


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
