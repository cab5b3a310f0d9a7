"""Intervals are read as Nixtla says them, and found among a model's levels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.forms import Form, check_intervals, read_intervals
from serving.refusals import RequestRefused

LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)


@pytest.mark.parametrize(
    "words", [["80,95"], ["80", "95"], ["[80,95]"], [" 80 , 95.0 "], ["80,95,80"]]
)
def test_intervals_are_read_with_commas_repeated_or_in_brackets(words):
    assert read_intervals(words) == (80.0, 95.0)


@pytest.mark.parametrize(
    "words", [[""], ["80;95"], ["x"], ["0"], ["100"], ["-5"], ["nan"], ["1e1"]]
)
def test_what_is_no_percentage_is_refused(words):
    with pytest.raises(RequestRefused, match="percentages"):
        read_intervals(words)


def test_more_intervals_than_anybody_reads_are_refused():
    with pytest.raises(RequestRefused, match="at most 16"):
        check_intervals([float(each) for each in range(1, 19)])


@pytest.mark.parametrize(
    ("intervals", "levels"),
    [
        ((80.0,), (0.1, 0.5, 0.9)),
        ((95.0, 50.0), (0.025, 0.25, 0.5, 0.75, 0.975)),
        (None, LEVELS),
    ],
)
def test_only_the_levels_asked_for_are_taken_with_the_median(intervals, levels):
    places = Form(intervals=intervals).places(LEVELS)

    assert tuple(LEVELS[place] for place in places) == levels


def test_an_interval_that_the_model_lacks_is_refused_with_those_it_has():
    with pytest.raises(RequestRefused, match="50, 80, 90, 95 %"):
        Form(intervals=(80.0, 99.0)).places(LEVELS)
    with pytest.raises(RequestRefused, match="intervals none %"):
        Form(intervals=(80.0,)).places((0.1, 0.5))
    with pytest.raises(RequestRefused, match="50, 80, 90, 95 %"):
        Form(intervals=(1e-9,)).places(LEVELS)


@given(st.lists(st.text(max_size=20), max_size=5))
def test_no_text_breaks_the_reading(words):
    try:
        found = read_intervals(words)
    except RequestRefused:
        return
    assert found is not None
    assert all(0 < each < 100 for each in found)
