"""What holds for every test, whichever ran before it in the same process."""

import logging
import os
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The machine is shared: neither how long an example takes nor how long it is drawn is a law.
settings.register_profile(
    "laws", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("laws")

SYSTEM = Path(__file__).parent / "system"

#: The one who trains for many begins; beside it runs what trains for itself, so nobody waits.
FIRST = ("test_demo.py", "test_resume.py", "test_language.py", "test_lecture.py", "test_reaper.py")


def place(item):
    """Return when a test's turn is: the lower, the earlier."""
    if not item.path.is_relative_to(SYSTEM):
        return len(FIRST) + 1
    return FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST)


def pytest_collection_modifyitems(items):
    """Put whole trainings first: beside the short rest, two processes end at about one time."""
    items.sort(key=place)


@pytest.fixture(scope="session", autouse=True)
def newest_revision_is_read_once():
    """Let MLflow read its 60 files of migrations once, not for each home that a test opens."""
    if "mlflow" in sys.modules:
        from mlflow.store.db import utils  # noqa: PLC0415 - 4 s, where no test has paid them

        utils._get_latest_schema_revision = cache(utils._get_latest_schema_revision)


@pytest.fixture
def unmeasured_children(monkeypatch):
    """Start processes without coverage, which makes one a third dearer: those that are killed
    tell nothing, and what the others run is measured in tests of its own.
    """
    for name in [name for name in os.environ if "COVERAGE_PROCESS" in name]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def loggers_stay_on():
    """Switch loggers on again: a migration of MLflow's disables those that it finds."""
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False
