"""The builders of what the gate takes, for every test of it."""

from types import SimpleNamespace

import pytest

from tests import judged


@pytest.fixture(scope="session")
def make():
    """Every builder, by its word."""
    builders = ("scores", "sound", "comparison", "duel", "evidence")
    return SimpleNamespace(**{name: getattr(judged, f"make_{name}") for name in builders})
