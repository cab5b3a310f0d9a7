"""The usual question is answered from memory, and only for the champion and record it came from."""

from dataclasses import replace

import pytest

from forecasting.errors import NoChampion, StationUnknown
from forecasting.stores.stations import write_station
from serving.answers import encode, series_names
from serving.champions import Champions
from serving.kept import Answers
from serving.records import Records
from serving.refusals import RequestRefused


@pytest.fixture
def parts(home):
    return Records(home), Champions(home)


@pytest.fixture
def answers(parts, promote):
    promote(1)
    for part in parts:
        part.refresh()
    return Answers(*parts)


def test_levels_become_names_and_the_median_keeps_the_targets(model_card):
    card = replace(model_card, target="rain", levels=(0.005, 0.025, 0.29, 0.5, 0.9))

    assert series_names(card) == ("rain_p0_5", "rain_p2_5", "rain_p29", "rain", "rain_p90")


def test_an_answer_is_kept_until_the_champion_or_the_record_changes(
    answers, parts, promote, home, station_of
):
    assert answers.kept("seattle", 3) is None
    computed = answers.compute("seattle", 3)
    assert answers.kept("seattle", 3) is computed

    promote(2)
    parts[1].refresh()
    assert answers.kept("seattle", 3) is None
    answers.compute("seattle", 3)
    write_station(home, station_of(days=70))
    parts[0].refresh()

    assert answers.kept("seattle", 3) is None


def test_answers_of_other_lengths_are_kept_apart(answers):
    assert answers.compute("seattle", 3) != answers.compute("seattle", 4)
    assert answers.kept("seattle", None) is None


@pytest.mark.parametrize("days", [0, -1, 8])
def test_days_outside_the_horizon_are_refused(answers, days):
    answers.compute("seattle", 7)

    with pytest.raises(RequestRefused, match="1 to 7 days"):
        answers.compute("seattle", days)


def test_a_station_needs_a_record_and_a_champion(answers, home, parts, station_of):
    with pytest.raises(StationUnknown):
        answers.kept("oslo", None)

    write_station(home, station_of("oslo"))
    parts[0].refresh()

    with pytest.raises(NoChampion):
        answers.kept("oslo", None)


def test_an_answer_never_holds_nan():
    assert encode({"daily": [1.5]}) == b'{"daily":[1.5]}'
    with pytest.raises(ValueError, match="Out of range"):
        encode({"daily": [float("nan")]})
