"""What holds for every test, whichever ran before it in the same process."""

import logging

import pytest


@pytest.fixture(autouse=True)
def loggers_stay_on():
    """Switch loggers on again: a migration of MLflow's disables those that it finds."""
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False
