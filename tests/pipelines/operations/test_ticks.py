from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.stores.intervals import once
from pipelines.catalogue import find_parts
from pipelines.operations import ticks
from pipelines.operations.ticks import (
    ScheduleInvalid,
    latest_tick,
    missed,
    retraining_of,
    subject_of,
)
from tests.pipelines.several import TEMP, WIND, write_sound

WEST = "America/Los_Angeles"
DAILY = "0 6 * * *"


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(tick, zone=WEST):
    return tick.astimezone(ZoneInfo(zone)).isoformat()


@pytest.fixture
def seattle():
    return find_parts("seattle")


def test_the_list_of_all_time_zones_is_read_once_for_a_schedule(monkeypatch):
    read = []
    monkeypatch.setattr(ticks, "schedule_of", lambda *names: read.append(names))
    for hour in (13, 14):
        latest_tick("11 5 * * *", WEST, at(f"2026-06-10T{hour}:00:00"))
    assert read == [("11 5 * * *", WEST)]


def test_an_interval_begins_with_the_last_tick_on_the_schedules_own_clock():
    before, after = at("2026-06-10T12:59:59"), at("2026-06-10T13:00:00")
    assert local(latest_tick(DAILY, WEST, before)) == "2026-06-09T06:00:00-07:00"
    assert local(latest_tick(DAILY, WEST, after)) == "2026-06-10T06:00:00-07:00"
    assert latest_tick(DAILY, "Asia/Kolkata", after) == at("2026-06-10T00:30:00")


def test_daylight_saving_moves_the_moment_and_leaves_one_interval_a_day():
    for first in ("2026-03-06T20:00:00", "2026-10-30T20:00:00"):
        moments = [at(first) + timedelta(hours=3 * step) for step in range(32)]
        told = {latest_tick(DAILY, WEST, moment) for moment in moments}
        days = {local(tick)[:10] for tick in told}
        assert len(told) == len(days)
        assert {local(tick)[11:16] for tick in told} == {"06:00"}


@pytest.mark.parametrize("cron", ["30 1 * * *", "30 2 * * *"])
@pytest.mark.parametrize("first", ["2026-03-07T12:00:00", "2026-10-31T12:00:00"])
def test_a_time_that_is_skipped_or_repeated_is_one_interval(cron, first):
    moments = [at(first) + timedelta(minutes=20 * step) for step in range(72)]
    assert len({latest_tick(cron, WEST, moment) for moment in moments}) == 2


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("* * * * *", "2026-06-10T12:34:00"),
        # More ticks a day than Prefect gives at once.
        ("* 0-11 * * *", "2026-06-10T11:59:00"),
        ("* 0-8,18-23 * * *", "2026-06-10T08:59:00"),
        ("* 13-23 * * *", "2026-06-09T23:59:00"),
        ("* * 1-9 * *", "2026-06-09T23:59:00"),
        ("0 0 1 * *", "2026-06-01T00:00:00"),
        ("0 0 1 1 *", "2026-01-01T00:00:00"),
        ("0 0 29 2 *", "2024-02-29T00:00:00"),
    ],
)
def test_rare_and_frequent_schedules_have_an_interval_too(cron, expected):
    assert latest_tick(cron, "UTC", at("2026-06-10T12:34:56")) == at(expected)


@pytest.mark.parametrize(
    "wrong", [("nonsense", WEST), (DAILY, "Mars/Olympus"), ("0 0 30 2 *", WEST)]
)
def test_a_schedule_that_cannot_be_read_or_never_ticks_is_refused(wrong):
    with pytest.raises(ScheduleInvalid):
        latest_tick(*wrong, at("2026-06-10T12:00:00"))


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2 * 365 * 86_400),
    st.sampled_from(["UTC", WEST, "Asia/Kolkata", "Australia/Lord_Howe"]),
    st.sampled_from([DAILY, "15 */6 * * *", "0 3 * * 0"]),
)
def test_the_tick_of_a_tick_is_itself_and_no_later_moment_has_an_earlier_one(seconds, zone, cron):
    moment = at("2025-01-01T00:00:00") + timedelta(seconds=seconds)
    tick = latest_tick(cron, zone, moment)
    assert tick <= moment
    assert latest_tick(cron, zone, tick) == tick
    assert latest_tick(cron, zone, moment + timedelta(hours=5)) >= tick


def test_a_retraining_is_its_stations_or_its_datasets(tmp_path, seattle):
    assert subject_of(seattle) == "seattle"
    assert subject_of(find_parts(str(write_sound(tmp_path, rows=5)))) == "sound"


def test_a_target_that_is_named_alone_has_intervals_of_its_own(tmp_path):
    toml = write_sound(tmp_path, rows=5)
    tick = at("2026-06-10T13:00:00")
    keys = {
        part: retraining_of(find_parts(f"{toml}{part}"), tick).key
        for part in ("#tacoma", f"#tacoma@{TEMP}", f"#tacoma@{WIND}", f"@{TEMP}")
    }
    assert keys == {
        "#tacoma": "tacoma",
        f"#tacoma@{TEMP}": f"tacoma--{TEMP}",
        f"#tacoma@{WIND}": f"tacoma--{WIND}",
        f"@{TEMP}": f"sound--{TEMP}",
    }


def test_however_many_ticks_were_missed_one_interval_is_owed_and_only_until_it_is_worked(
    tmp_path, seattle
):
    day = at("2026-06-10T20:00:00")
    assert missed(tmp_path, seattle, DAILY, WEST, day) is None  # never kept before
    assert missed(tmp_path, seattle, DAILY, WEST, day + timedelta(hours=1)) is None  # no tick since
    owed = missed(tmp_path, seattle, DAILY, WEST, day + timedelta(days=9))
    assert local(owed.tick) == "2026-06-19T06:00:00-07:00"
    once(tmp_path, owed, lambda: {"promoted": False})
    assert missed(tmp_path, seattle, DAILY, WEST, day + timedelta(days=9, hours=2)) is None


def test_a_clock_that_was_set_back_owes_nothing_and_one_set_forward_owes_one(tmp_path, seattle):
    day = at("2026-06-10T20:00:00")
    missed(tmp_path, seattle, DAILY, WEST, day)
    far = missed(tmp_path, seattle, DAILY, WEST, day + timedelta(days=4000))
    once(tmp_path, far, lambda: {"promoted": False})
    # Back in time: the wrong tick's record stands in nobody's way.
    owed = missed(tmp_path, seattle, DAILY, WEST, day + timedelta(days=1))
    assert local(owed.tick) == "2026-06-11T06:00:00-07:00"
    assert missed(tmp_path, seattle, DAILY, WEST, day - timedelta(days=30)) is None
    assert retraining_of(seattle, owed.tick) == owed
