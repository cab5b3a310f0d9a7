"""What holds for every test, whichever ran before it in the same process."""

import logging
from pathlib import Path

import pytest

SYSTEM = Path(__file__).parent / "system"


def pytest_collection_modifyitems(items):
    """Put whole trainings first: beside the short rest, two processes end at about one time."""
    items.sort(key=lambda item: not item.path.is_relative_to(SYSTEM))


@pytest.fixture(autouse=True)
def loggers_stay_on():
    """Switch loggers on again: a migration of MLflow's disables those that it finds."""
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False
