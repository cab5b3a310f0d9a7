from dataclasses import replace

import pytest

from serving.refusals import RequestRefused
from serving.selection import FIRST, Selection, split_names

TEMP, RAIN = "temperature_2m_mean", "precipitation_sum"


@pytest.fixture
def both(record):
    return replace(record, card=replace(record.card, targets=(TEMP, RAIN)))


def test_the_first_target_is_meant_when_none_is_named(record, both):
    assert Selection.of(None, None) == FIRST
    assert FIRST.among(record) == FIRST.among(both) == (TEMP,)


def test_targets_are_answered_in_the_order_of_the_request(both):
    assert Selection.of((RAIN, TEMP), None).among(both) == (RAIN, TEMP)
    assert split_names(" a , b") == ("a", "b")
    assert split_names(None) is None


@pytest.mark.parametrize(
    ("daily", "hourly", "path", "message"),
    [
        ((TEMP,), (TEMP,), "hourly", "goes without daily"),
        ((TEMP, TEMP), None, "daily", "each once"),
        (None, (TEMP, ""), "hourly", "commas between them"),
    ],
)
def test_a_request_that_contradicts_itself_is_refused(daily, hourly, path, message):
    with pytest.raises(RequestRefused, match=message) as refusal:
        Selection.of(daily, hourly)
    assert [fault.path for fault in refusal.value.faults] == [path]


def test_an_unknown_target_is_refused_with_those_that_are_known(both, record):
    for known in (both, record):
        with pytest.raises(RequestRefused) as refusal:
            Selection.of(("snow",), None).among(known)
        assert str(refusal.value).endswith(", ".join(known.card.every_target))
        assert "snow" not in str(refusal.value)


def test_targets_of_days_are_not_named_as_if_they_were_of_hours(both):
    with pytest.raises(RequestRefused, match="named by daily"):
        Selection.of(None, (TEMP,)).among(both)
    hourly = replace(both, card=replace(both.card, step_seconds=3600))
    with pytest.raises(RequestRefused, match="named by hourly"):
        Selection.of((TEMP,), None).among(hourly)
    assert Selection.of(None, (RAIN,)).among(hourly) == (RAIN,)
