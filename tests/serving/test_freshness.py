"""Age is counted on the station's calendar, from the end of the last step that was observed."""

import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from serving.freshness import age_days, check_age, last_ended, last_observed, until_next
from serving.history import label_of
from serving.refusals import DataTooOld

TARGET, RAIN = "temperature_2m_mean", "precipitation_sum"


def moment(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.fixture
def limited(record):
    """Seattle, last observed on 31 December 2015, with two days allowed."""
    return replace(record, card=replace(record.card, max_age_days=2))


def test_a_day_counts_as_observed_when_it_is_over(limited):
    # Midnight in Seattle is 8 o'clock UTC.
    assert age_days(limited, TARGET, moment("2016-01-01T08:00")) == 0
    assert age_days(limited, TARGET, moment("2016-01-02T20:00")) == 1.5


def test_the_last_gap_does_not_count_as_observed(station_of):
    record = station_of(gaps={88, 89})

    assert label_of(last_observed(record, TARGET), 86_400) == "2015-12-29"
    assert label_of(last_observed(record, RAIN), 86_400) == "2015-12-31"


def test_days_within_the_limit_say_how_long_they_stay_so(limited):
    assert check_age(limited, (TARGET,), moment("2016-01-02T08:00")) == 86_400
    assert check_age(limited, (TARGET,), moment("2016-01-03T08:00")) == 0


def test_days_beyond_the_limit_are_refused_with_both_numbers(limited):
    with pytest.raises(DataTooOld, match=r"expected at most 2 days; found 2\.1 days"):
        check_age(limited, (TARGET,), moment("2016-01-03T08:01"))


def test_of_several_targets_the_oldest_counts(limited, station_of):
    record = replace(station_of(gaps={88, 89}), card=limited.card)
    now = moment("2016-01-02T08:00")

    assert check_age(record, (RAIN,), now) > 0
    with pytest.raises(DataTooOld, match="found 3 days"):
        check_age(record, (RAIN, TARGET), now)


def test_without_a_limit_or_an_observation_nothing_is_too_old(record, limited, station_of):
    assert check_age(record, (TARGET,), moment("2100-01-01")) == math.inf
    unobserved = replace(station_of(gaps=range(90)), card=limited.card)
    assert last_observed(unobserved, TARGET) is None
    assert age_days(unobserved, TARGET, 0.0) == math.inf
    assert check_age(unobserved, (TARGET,), moment("2100-01-01")) == math.inf


def test_the_last_step_that_is_over_and_the_time_until_the_next(record):
    now = moment("2016-03-01T07:00")  # 23 o'clock of the day before, at Seattle.

    assert label_of(last_ended(record, now), 86_400) == "2016-02-28"
    assert until_next(record, now) == 3600
