"""A posted history becomes the last steps as they were sent, or is refused with its place."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.history import label_of, posted_history, recent_history
from serving.refusals import (
    NoUsableHistory,
    RequestRefused,
    StationOutgrown,
    StationTooShort,
    StationUnobserved,
    ValueOutOfBounds,
)

SPAN = 3
FIRST = date(2015, 1, 1)


@pytest.fixture
def card(model_card):
    """A model that reads only three days."""
    return replace(model_card, history=SPAN)


def dates(first, steps):
    return [(first + timedelta(days=step)).isoformat() for step in range(steps)]


def columns(target):
    return {"temperature_2m_mean": target, "precipitation_sum": [0.0] * len(target)}


def paths(refused):
    return [fault.path for fault in refused.value.faults]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.dates(date(1700, 1, 1), date(2290, 1, 1)),
    target=st.lists(st.none() | st.floats(-40, 50, width=32), min_size=SPAN),
)
def test_the_last_steps_are_read_as_they_were_posted(record, card, first, target):
    time = dates(first, len(target))
    if all(value is None for value in target[-SPAN:]):
        with pytest.raises(NoUsableHistory):
            posted_history(time, columns(target), record, card)
        return

    history = posted_history(time, columns(target), record, card)

    np.testing.assert_array_equal(history.values[:, 0], np.array(target[-SPAN:], np.float32))
    assert history.values.shape == (SPAN, 2)
    assert history.values.dtype == np.float32
    assert label_of(history.origin, card.step_seconds) == time[-1]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kept=st.sets(st.integers(0, 9), min_size=SPAN + 1, max_size=9),
    shuffled=st.randoms(use_true_random=False),
)
def test_labels_that_leave_one_out_or_change_places_are_refused(record, card, kept, shuffled):
    time = [dates(FIRST, 10)[position] for position in sorted(kept)]
    if max(kept) - min(kept) == len(kept) - 1:
        time.reverse()
    shuffled.shuffle(rest := time[2:])
    time = time[:2] + rest

    with pytest.raises(RequestRefused):
        posted_history(time, columns([1.0] * len(time)), record, card)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("2015-01-03", "must be 86400 s after"),  # the same day again
        ("2015-01-05", "must be 86400 s after"),
        ("2015-02-30", "not a label"),
        ("20150104", "not a label"),
        ("2015-W01-4", "not a label"),
        ("2015-01-04T00:00", "not a label"),
        ("2015-01-04\n", "not a label"),
        ("\u0662015-01-04", "not a label"),
        ("1066-10-14", "not a label"),
        ("", "not a label"),
    ],
)
def test_a_label_that_is_no_date_or_does_not_follow_is_refused(record, card, label, message):
    time = [*dates(FIRST, 3), label, "2015-01-05"]

    with pytest.raises(RequestRefused) as refused:
        posted_history(time, columns([1.0] * 5), record, card)

    assert paths(refused)[0] == "$.history.time[3]"
    assert message in refused.value.faults[0].message


def test_the_right_label_in_that_place_is_taken(record, card):
    history = posted_history(dates(FIRST, 5), columns([1.0] * 5), record, card)

    assert label_of(history.origin, 86_400) == "2015-01-05"


def test_hourly_labels_carry_their_hour(record, card):
    hourly = replace(card, step_seconds=3_600)
    time = ["2015-01-01T22:00", "2015-01-01T23:00:00", "2015-01-02T00:00"]

    history = posted_history(time, columns([1.0] * 3), record, hourly)

    assert label_of(history.origin, 3_600) == "2015-01-02T00:00"
    with pytest.raises(RequestRefused):
        posted_history(dates(FIRST, 3), columns([1.0] * 3), record, hourly)


@pytest.mark.parametrize(("value", "admitted"), [(-40.0, True), (-40.01, False), (50.01, False)])
def test_every_posted_value_is_held_to_the_bounds_also_before_the_last_steps(
    record, card, value, admitted
):
    time, target = dates(FIRST, 6), [value, 1.0, 2.0, 3.0, 4.0, 5.0]

    if admitted:
        assert posted_history(time, columns(target), record, card).values[0, 0] == 3.0
        return
    with pytest.raises(ValueOutOfBounds) as refused:
        posted_history(time, columns(target), record, card)

    assert paths(refused) == ["$.history.temperature_2m_mean[0]"]
    assert refused.value.faults[0].message == "must be -40 to 50 °C"


def test_at_most_ten_faults_are_named(record, card):
    with pytest.raises(ValueOutOfBounds) as refused:
        posted_history(dates(FIRST, 100), columns([99.0] * 100), record, card)

    assert len(refused.value.faults) == 10


def test_a_station_that_no_longer_declares_a_variable_of_its_model_is_unavailable(record, card):
    other = replace(card, variables=("temperature_2m_mean", "wind_speed_10m_mean"))

    with pytest.raises(StationOutgrown, match="wind_speed_10m_mean"):
        posted_history(dates(FIRST, 3), columns([1.0] * 3), record, other)
    with pytest.raises(StationOutgrown, match="wind_speed_10m_mean"):
        recent_history(record, other)


def test_the_stations_own_last_days_are_read_with_their_gaps(station_of, model_card):
    history = recent_history(station_of(days=90, gaps={88}), model_card)

    assert history.values.shape == (60, 2)
    assert np.flatnonzero(np.isnan(history.values[:, 0])).tolist() == [58]
    assert history.values[-1].tolist() == pytest.approx([10.9, 4.0])
    assert label_of(history.origin, 86_400) == "2015-12-31"


@pytest.mark.parametrize(("days", "gaps"), [(59, ()), (60, {7}), (90, range(31))])
def test_fewer_usable_days_than_the_model_reads_are_refused_with_both_numbers(
    station_of, model_card, days, gaps
):
    recent_history(station_of(days=60), model_card)

    with pytest.raises(StationTooShort, match="expected 60; found 59"):
        recent_history(station_of(days=days, gaps=gaps), model_card)


def test_usable_days_before_those_that_the_model_reads_are_not_enough(station_of, model_card):
    with pytest.raises(StationUnobserved, match="1 or more of the last 60; found 0"):
        recent_history(station_of(days=130, gaps=range(70, 130)), model_card)
