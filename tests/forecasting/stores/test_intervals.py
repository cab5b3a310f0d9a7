import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from forecasting.errors import AlreadyRunning
from forecasting.stores.files import NameInvalid
from forecasting.stores.intervals import (
    Interval,
    Worked,
    keep_from,
    kept_since,
    once,
    outcome_of,
)

TICK = datetime(2026, 3, 8, 14, 0, tzinfo=UTC)


def make_interval(**changes):
    return Interval(**({"kind": "retraining", "key": "oslo", "tick": TICK} | changes))


def counted():
    """Work that says how often it was done."""
    done = []

    def work():
        done.append(None)
        return {"times": len(done)}

    return work


def test_an_interval_is_worked_once_and_told_again(tmp_path):
    work = counted()
    assert once(tmp_path, make_interval(), work) == Worked(outcome={"times": 1}, repeated=False)
    assert once(tmp_path, make_interval(), work) == Worked(outcome={"times": 1}, repeated=True)


@pytest.mark.parametrize(
    "other", [{"kind": "backfill"}, {"key": "bergen"}, {"tick": TICK + timedelta(seconds=1)}]
)
def test_another_kind_key_or_tick_is_another_interval(tmp_path, other):
    work = counted()
    once(tmp_path, make_interval(), work)
    assert once(tmp_path, make_interval(**other), work).outcome == {"times": 2}


def test_the_same_moment_in_another_zone_is_the_same_interval(tmp_path):
    work = counted()
    once(tmp_path, make_interval(), work)
    elsewhere = TICK.astimezone(timezone(timedelta(hours=9)))
    assert once(tmp_path, make_interval(tick=elsewhere), work).repeated


def test_a_person_may_have_an_interval_worked_again(tmp_path):
    work = counted()
    once(tmp_path, make_interval(), work)
    assert once(tmp_path, make_interval(), work, again=True).outcome == {"times": 2}
    assert outcome_of(tmp_path, make_interval()) == {"times": 2}


def test_work_that_failed_leaves_the_interval_open(tmp_path):
    def fail():
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        once(tmp_path, make_interval(), fail)
    assert outcome_of(tmp_path, make_interval()) is None
    assert once(tmp_path, make_interval(), counted()).repeated is False


def test_a_tick_that_overlaps_a_run_is_refused(tmp_path):
    (tmp_path / "locks").mkdir()
    with (
        FileLock(tmp_path / "locks" / "interval-retraining-oslo.lock"),
        pytest.raises(AlreadyRunning, match="retraining of oslo is at work"),
    ):
        once(tmp_path, make_interval(), counted())
    assert once(tmp_path, make_interval(), counted()).repeated is False


@pytest.mark.parametrize(
    "spoilt", [b"{", b"[]", b"{}", b'{"interval": "retraining/oslo/other", "outcome": {}}']
)
def test_a_spoilt_record_is_no_outcome(tmp_path, spoilt):
    work = counted()
    once(tmp_path, make_interval(), work)
    make_interval().record(tmp_path).write_bytes(spoilt)
    assert once(tmp_path, make_interval(), work).outcome == {"times": 2}
    assert json.loads(make_interval().record(tmp_path).read_bytes())["outcome"] == {"times": 2}


def test_a_key_that_would_leave_the_home_folder_is_refused(tmp_path):
    with pytest.raises(NameInvalid):
        once(tmp_path, make_interval(key="../oslo"), counted())


def test_since_when_a_schedule_is_kept_is_remembered(tmp_path):
    assert kept_since(tmp_path, make_interval()) is None
    keep_from(tmp_path, make_interval(), TICK)
    assert kept_since(tmp_path, make_interval()) == TICK
    (make_interval().folder(tmp_path) / "since.json").write_text("no")
    assert kept_since(tmp_path, make_interval()) is None


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=12))
def test_however_runs_fail_and_repeat_each_interval_succeeds_at_most_once(tmp_path_factory, runs):
    home, succeeded = tmp_path_factory.mktemp("home"), []

    def work(hour, *, fails):
        if fails:
            raise OSError("killed")
        succeeded.append(hour)
        return {"hour": hour}

    for hour, fails in runs:
        interval = make_interval(tick=TICK + timedelta(hours=hour))
        try:
            told = once(home, interval, lambda h=hour, f=fails: work(h, fails=f))
        except OSError:
            continue
        assert told.outcome == {"hour": hour}
    assert sorted(succeeded) == sorted(set(succeeded))
    assert set(succeeded) == {hour for hour, fails in runs if not fails}
