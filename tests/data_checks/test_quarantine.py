import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_checks.days import DayKeeper
from data_checks.quarantine import quarantine
from data_checks.rows import RowReader


@pytest.fixture
def take(as_table, now):
    def build(dataset, rows):
        rows = RowReader(dataset, now).read([as_table(rows)])
        return quarantine(DayKeeper(dataset).arrange(rows), dataset)

    return build


def test_possible_values_stay_untouched(take, declare, days):
    left = take(declare(), days(40))
    assert left.reasons == ()
    assert not np.isnan(left.kept).any()
    assert np.isnan(left.removed).all()


@pytest.mark.parametrize("text", ["-9999", "7679.3", "61", "-91"])
def test_an_impossible_value_is_taken_out_with_its_reason(take, declare, days, text):
    left = take(declare(), days(40, changes={(9, 1): text}))
    (reason,) = left.reasons
    assert (reason.code, reason.date) == ("OUT_OF_BOUNDS", "2024-01-10")
    assert reason.expected == "-90 to 60 °C"
    assert np.isnan(left.kept[9, 0])
    assert left.removed[9, 0] == float(text)
    assert np.isnan(left.kept).sum() == 1


@pytest.mark.parametrize("text", ["-90", "60"])
def test_a_value_on_the_bound_is_possible(take, declare, days, text):
    left = take(declare(temp=", max_jump = 200"), days(40, changes={(9, 1): text}))
    assert left.reasons == ()


def test_bounds_hold_in_the_unit_of_the_file(take, declare, days):
    dataset = declare(wind=", lower = 0, upper = 100")
    left = take(dataset, days(40, changes={(3, 2): "101"}))
    assert [reason.found for reason in left.reasons] == ["101 km/h"]


def test_a_spike_within_the_bounds_is_taken_out(take, declare, days):
    left = take(declare(), days(40, changes={(9, 1): "55"}))
    (reason,) = left.reasons
    assert (reason.code, reason.date, reason.found) == ("JUMP", "2024-01-10", "55 °C")


def test_a_stuck_sensor_is_taken_out(take, declare, days):
    left = take(declare(), days(40, changes={(day, 1): "7.25" for day in range(10, 18)}))
    assert {reason.code for reason in left.reasons} == {"STUCK_SENSOR"}
    assert [reason.date for reason in left.reasons][::7] == ["2024-01-11", "2024-01-18"]


def test_days_without_wind_are_no_stuck_sensor(take, declare, days):
    left = take(declare(), days(40, changes={(day, 2): "0" for day in range(10, 38)}))
    assert left.reasons == ()


def test_a_run_that_another_unit_explains_is_named(take, declare, days):
    left = take(declare(), days(40, changes={(day, 1): f"{70 + day}" for day in range(30, 40)}))
    units = [reason for reason in left.reasons if reason.code == "UNIT_CHANGED"]
    assert [(reason.date, reason.effect) for reason in units] == [("2024-01-31", "refused")]
    assert units[0].found == "100 to 109 for 10 days, possible in °F"
    assert np.isnan(left.kept[30:, 0]).all()


def test_a_run_of_sentinels_is_no_other_unit(take, declare, days):
    left = take(declare(), days(40, changes={(day, 1): "-9999" for day in range(30, 40)}))
    assert {reason.code for reason in left.reasons} == {"OUT_OF_BOUNDS"}


CELLS = st.one_of(
    st.floats().map(str),
    st.integers().map(str),
    st.sampled_from(["", "NaN", "-9999", "1e999", "7679.3", "warm"]),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=30))
def test_whatever_the_cells_hold_only_possible_values_are_kept(cells, declare, days, take):
    rows = [[day, *pair] for (day, *_), pair in zip(days(len(cells)), cells, strict=True)]
    dataset = declare()
    left = take(dataset, rows)
    for place, column in enumerate(dataset.columns.values()):
        lower, upper = column.bounds
        kept = left.kept[:, place][~np.isnan(left.kept[:, place])]
        assert ((kept >= lower) & (kept <= upper)).all()
    assert (np.isnan(left.kept) | np.isnan(left.removed)).all()
