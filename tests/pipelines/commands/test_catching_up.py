"""A schedule that starts again asks for what it owes: once, and once more where that failed."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from prefect.client import orchestration
from prefect.states import (
    Completed,
    Crashed,
    Running,
    Scheduled,
    exception_to_failed_state,
)
from prefect.utilities.asyncutils import run_coro_as_sync

from forecasting.errors import DataRefused, SourceUnavailable
from forecasting.settings import load_settings
from forecasting.stores.intervals import keep_from
from pipelines.catalogue import find_parts
from pipelines.commands.schedule import catch_up
from pipelines.operations.ticks import latest_tick, retraining_of

CRON, ZONE = "0 6 * * *", "America/Los_Angeles"


class Server:
    """Prefect's part in it: a key is a run, and asking again gives the same one."""

    def __init__(self):
        self.runs = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def create_flow_run_from_deployment(self, deployment, *, idempotency_key):
        assert deployment == "deployment"
        return self.runs.setdefault(idempotency_key, SimpleNamespace(state=Scheduled()))


@pytest.fixture
def server(monkeypatch):
    made = Server()
    monkeypatch.setattr(orchestration, "get_client", lambda **_: made)
    return made


@pytest.fixture
def start(tmp_path, server):  # noqa: ARG001 - the server has to be there
    """Start the schedule anew, a week after it was stopped; returns what is caught up."""
    settings = load_settings(home=tmp_path)
    parts = find_parts("seattle")
    interval = retraining_of(parts, latest_tick(CRON, ZONE, datetime.now(UTC)))
    keep_from(tmp_path, interval, datetime.now(UTC) - timedelta(days=7))
    deployment = SimpleNamespace(
        parameters={"cron": CRON, "timezone": ZONE}, apply=lambda: "deployment"
    )
    return lambda: catch_up(settings, "seattle", deployment)


def failed(error):
    """The state that Prefect gives a run that raised."""
    told = "Flow run encountered an exception."
    return run_coro_as_sync(exception_to_failed_state(error, message=told))


def test_what_is_owed_is_asked_for_once(start, server):
    owed = start()

    assert start() == owed
    assert list(server.runs) == [owed]


def test_a_catch_up_that_failed_is_tried_again_once_by_the_next_start(start, server):
    owed = start()
    server.runs[owed].state = failed(SourceUnavailable("the source is away"))

    assert start() == owed
    assert list(server.runs) == [owed, f"{owed}/again"]
    assert start() == owed  # it waits or runs: no second one beside it
    server.runs[f"{owed}/again"].state = failed(SourceUnavailable("the source is away"))

    assert start() is None
    assert len(server.runs) == 2


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(failed(DataRefused("the checks refused seattle")), id="refused"),
        pytest.param(Completed(), id="succeeded"),
        pytest.param(Crashed(), id="crashed, and the reaper's"),
    ],
)
def test_a_catch_up_that_ended_otherwise_is_not_tried_again(start, server, state):
    owed = start()
    server.runs[owed].state = state

    assert start() is None
    assert list(server.runs) == [owed]


def test_a_catch_up_at_work_is_left_alone(start, server):
    owed = start()
    server.runs[owed].state = Running()

    assert start() == owed
    assert list(server.runs) == [owed]
