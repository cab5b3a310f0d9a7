"""The usual question is answered from memory, and only for the champion and record it came from."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from forecasting.errors import NoChampion, StationUnknown
from forecasting.stores.climatologies import ClimatologyTable
from forecasting.stores.stations import write_station
from serving import kept
from serving.answers import Reach
from serving.champions import Champions
from serving.kept import Answers
from serving.live import Live
from serving.records import Records
from serving.refusals import DataTooOld, RequestRefused
from serving.wishes import Wish

SEATTLE = Wish(station="seattle")


def days(count):
    return (Wish(station="seattle", reach=Reach(days=count)),)


class Clock:
    """A clock that stands until it is set; it begins at noon in Seattle on New Year's Day."""

    def __init__(self):
        self.now = datetime(2016, 1, 1, 20, tzinfo=UTC).timestamp()

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def parts(home):
    return Records(home), Champions(home)


@pytest.fixture
def answers(parts, promote, clock):
    promote(1)
    for part in parts:
        part.refresh()
    return Answers(Live(*parts), clock)


def test_an_answer_is_kept_until_the_champion_or_the_record_changes(
    answers, parts, promote, home, station_of
):
    assert answers.kept(days(3)) is None
    computed = answers.compute(days(3))
    assert answers.kept(days(3)) is computed

    promote(2)
    parts[1].refresh()
    assert not answers.current(computed)
    assert answers.kept(days(3)) is None
    computed = answers.compute(days(3))
    write_station(home, station_of(days=70))
    parts[0].refresh()

    assert not answers.current(computed)


def test_an_answer_of_several_stations_ends_with_any_of_them(
    answers, parts, home, station_of, promote, model_card
):
    write_station(home, station_of("oslo"))
    promote(1, card=replace(model_card, model="climate-oslo", station="oslo"))
    for part in parts:
        part.refresh()
    computed = answers.compute((SEATTLE, replace(SEATTLE, station="oslo")))
    assert answers.current(computed)

    promote(2, card=replace(model_card, model="climate-oslo", station="oslo"))
    parts[1].refresh()

    assert not answers.current(computed)


def test_answers_of_other_lengths_are_kept_apart(answers):
    assert answers.compute(days(3)).body != answers.compute(days(4)).body
    assert answers.kept((SEATTLE,)) is None


@pytest.mark.parametrize("count", [0, -1, 8])
def test_days_outside_the_horizon_are_refused(answers, count):
    answers.compute(days(7))

    with pytest.raises(RequestRefused, match="1 to 7 days"):
        answers.compute(days(count))


def test_a_station_needs_a_record_and_a_champion(answers, home, parts, station_of):
    oslo = (replace(SEATTLE, station="oslo"),)
    with pytest.raises(StationUnknown):
        answers.compute(oslo)

    write_station(home, station_of("oslo"))
    parts[0].refresh()

    with pytest.raises(NoChampion):
        answers.compute(oslo)


def test_no_more_answers_are_kept_than_bytes_allow(answers, monkeypatch):
    monkeypatch.setattr(kept, "MOST_BYTES", 2 * len(answers.compute(days(3)).body))
    for count in (3, 4, 5, 6, 7):
        answers.compute(days(count))

    assert answers.kept(days(7)) is not None
    assert answers.kept(days(3)) is None


def test_an_answer_ends_when_the_days_become_too_old(answers, parts, home, record, clock):
    write_station(home, replace(record, card=replace(record.card, max_age_days=2)))
    parts[0].refresh()
    # The last day, 31 December, was over at midnight in Seattle: twelve hours ago.
    computed = answers.compute((SEATTLE,))
    clock.now += 1.5 * 86_400 - 1
    assert answers.current(computed)

    clock.now += 2
    assert not answers.current(computed)
    with pytest.raises(DataTooOld, match=r"expected at most 2 days; found 2\.1 days"):
        answers.compute((SEATTLE,))


def test_days_of_a_fixed_dataset_are_never_too_old(answers, clock):
    computed = answers.compute((SEATTLE,))
    clock.now += 50 * 365 * 86_400

    assert answers.current(computed)


def test_a_climatology_for_old_days_moves_on_when_a_day_is_over(
    answers, parts, home, record, clock
):
    usual = ClimatologyTable(
        levels=(0.1, 0.5, 0.9),
        course=(10.0,) * 366,
        offsets=((-1.0, 0.0, 1.0),) * 12,
        step_seconds=86_400,
        through="2015-12-31",
    )
    old = replace(record, card=replace(record.card, max_age_days=0.1))
    write_station(home, replace(old, climatologies={record.card.target: usual}))
    parts[0].refresh()
    wishes = (replace(SEATTLE, fallback=True),)
    computed = answers.compute(wishes)
    assert b'"origin":"2015-12-31"' in computed.body

    # It is noon in Seattle.
    clock.now += 12 * 3600 - 1
    assert answers.current(computed)
    clock.now += 2
    assert not answers.current(computed)
    assert b'"origin":"2016-01-01"' in answers.compute(wishes).body
