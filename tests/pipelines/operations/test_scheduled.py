from datetime import UTC, datetime, timedelta

import pytest
from filelock import FileLock

from forecasting.errors import AlreadyRunning, DataRefused, SourceUnavailable
from forecasting.settings import load_settings
from forecasting.stores.liveness import claims
from pipelines.operations import scheduled
from pipelines.operations.due import AGE, Due
from pipelines.operations.scheduled import moment_of_run, retrain_on_schedule
from pipelines.workspace import only_run

NOW = datetime(2026, 6, 10, 20, 0, tzinfo=UTC)


class Clock:
    """Prefect's word for the run's scheduled time, and the wall clock of the flow."""

    scheduled_start_time = None
    id = None


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(scheduled, "flow_run", Clock)
    monkeypatch.setattr(Clock, "scheduled_start_time", None)
    return Clock


@pytest.fixture
def trained(monkeypatch, own_environment, tmp_path, clock):  # noqa: ARG001 - only set
    """Let trainings only be counted; the flow around them is the real one."""
    own_environment["GATECAST_HOME"] = str(tmp_path / "home")
    calls = []

    def train(**parameters):
        calls.append(parameters)
        return {"promoted": True, "version": len(calls)}

    monkeypatch.setattr(scheduled, "retrain_climate", train)
    return calls


def tick(**changes):
    return retrain_on_schedule.fn("seattle", "quick", "0 6 * * *", **changes)


def test_late_runs_of_one_interval_train_once_and_tell_the_same_outcome(trained):
    first, *late = [tick() for _ in range(4)]
    assert trained == [{"dataset": "seattle", "preset": "quick"}]
    assert first["interval"].startswith("retraining/seattle/")
    assert first["repeated"] is False
    for each in late:
        assert each == first | {"repeated": True}


@pytest.mark.usefixtures("trained")
def test_a_person_may_have_it_trained_again():
    tick()
    again = tick(again=True)
    assert (again["version"], again["repeated"]) == (2, False)


def test_a_tick_that_meets_a_run_at_work_is_dropped_and_remembers_nothing(trained, tmp_path):
    (tmp_path / "home" / "locks").mkdir(parents=True)
    with FileLock(tmp_path / "home" / "locks" / "interval-retraining-seattle.lock"):
        told = tick()
    assert "is at work" in told["dropped"]
    assert trained == []
    assert tick()["repeated"] is False


def test_a_tick_that_meets_a_retraining_of_its_station_is_dropped_too(
    trained, monkeypatch, tmp_path
):
    def train(**_):
        with only_run(load_settings(), "seattle"):
            return {}

    monkeypatch.setattr(scheduled, "retrain_climate", train)
    (tmp_path / "home" / "locks").mkdir(parents=True)
    with FileLock(tmp_path / "home" / "locks" / "retrain-seattle.lock"):
        assert "station seattle is being retrained" in tick()["dropped"]
    assert tick()["repeated"] is False
    assert trained == []


def test_a_lock_that_the_work_could_not_have_in_time_fails_the_run(trained, monkeypatch):
    def train(**_):
        raise AlreadyRunning("another promotion of climate-seattle is running")

    monkeypatch.setattr(scheduled, "retrain_climate", train)
    with pytest.raises(AlreadyRunning, match="another promotion"):
        tick()
    assert trained == []


def test_a_refused_retraining_is_no_outcome_and_is_tried_again(trained, monkeypatch):
    def refuse(**_):
        raise DataRefused("the data checks refused seattle")

    real = scheduled.retrain_climate
    monkeypatch.setattr(scheduled, "retrain_climate", refuse)
    with pytest.raises(DataRefused):
        tick()
    monkeypatch.setattr(scheduled, "retrain_climate", real)
    assert tick()["repeated"] is False
    assert len(trained) == 1


def test_a_schedule_may_train_only_where_something_beside_the_clock_says_so(trained, monkeypatch):
    def look(_settings, _name, part, _now):
        return Due(model=part.model, reasons=(), drift=())

    first = tick(when_due=True)
    assert [reason["trigger"] for reason in first["due"]] == ["new-data", "no-champion"]
    monkeypatch.setattr(scheduled, "due", look)
    told = tick(when_due=True, again=True)
    assert (told["due"], told["trained"]) == ([], False)
    assert len(trained) == 1
    assert tick(again=True)["due"] == []
    assert len(trained) == 2


def test_the_run_stands_behind_itself_while_it_trains(trained, monkeypatch, clock, tmp_path):
    monkeypatch.setattr(clock, "id", "run-7")
    seen = []

    def train(**_):
        seen.extend(claim.flow_run for claim in claims(tmp_path / "home"))
        return {}

    monkeypatch.setattr(scheduled, "retrain_climate", train)
    tick()
    assert seen == ["run-7"]
    assert trained == []


def test_a_source_that_is_away_at_the_look_leaves_the_training_to_ask_again(trained, monkeypatch):
    def away(*_):
        raise SourceUnavailable("the source is away")

    monkeypatch.setattr(scheduled, "due", away)
    assert tick(when_due=True)["due"] is None
    assert len(trained) == 1


@pytest.mark.parametrize("is_away", [False, True])
def test_a_stale_champion_is_told_at_every_interval_and_while_its_source_is_away(
    trained, monkeypatch, is_away
):
    def look(_settings, _name, part, _now):
        if is_away:
            raise SourceUnavailable("the source is away")
        return Due(model=part.model, reasons=(), drift=())

    monkeypatch.setattr(scheduled, "due", look)
    monkeypatch.setattr(scheduled, "reasons_of_champion", lambda *_: [(AGE, "99.0 days")])
    heard = []
    monkeypatch.setattr(scheduled, "tell", lambda *told: heard.append(told))
    tick()
    tick(again=True)
    assert heard == 2 * [("champion-stale", "climate-seattle", {"found": "99.0 days"})]
    assert len(trained) == 2


def test_a_run_counts_for_now_but_where_our_clock_is_just_behind_the_servers(clock, monkeypatch):
    def scheduled_at(moment):
        monkeypatch.setattr(clock, "scheduled_start_time", moment)
        return moment_of_run(NOW)

    assert moment_of_run(NOW) == NOW
    assert scheduled_at(NOW + timedelta(seconds=5)) == NOW + timedelta(seconds=5)
    assert scheduled_at(NOW - timedelta(days=3)) == NOW  # late: counts as one for now
    assert scheduled_at(NOW + timedelta(days=3)) == NOW  # our clock was set back
