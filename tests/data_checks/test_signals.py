import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_checks.signals import jumps, spikes, stuck

GAP = np.nan


def array(*values):
    return np.array(values, dtype=np.float64)


def test_calm_values_do_not_jump():
    assert jumps(array(1, 2, GAP, 3, 4), most=1.5).size == 0


def test_a_jump_is_found_where_it_lands():
    assert jumps(array(1, 2, 9, 9), most=5).tolist() == [2]


def test_a_gap_allows_a_larger_change_but_not_any():
    assert jumps(array(0, GAP, 9), most=5).size == 0
    assert jumps(array(0, GAP, GAP, GAP, GAP, 16), most=5).tolist() == [5]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_short_excursion_that_comes_back_is_a_spike(length):
    values = array(1, 2, *[50] * length, 2, 1)
    assert spikes(values, most=5).tolist() == list(range(2, 2 + length))


def test_a_change_of_level_that_stays_is_left_standing():
    values = array(1, 2, 1, 50, 51, 50, 51, 50)
    assert spikes(values, most=5).size == 0
    assert jumps(values, most=5).tolist() == [3]


def test_a_spike_at_either_end_is_found():
    assert spikes(array(50, 1, 2, 1, 2, 1), most=5).tolist() == [0]
    assert spikes(array(1, 2, 1, 2, 1, 50), most=5).tolist() == [5]


@pytest.mark.parametrize("values", [[], [GAP], [1.0], [GAP, 7.0, GAP]])
def test_too_few_values_neither_jump_nor_stand_still(values):
    assert spikes(array(*values), most=1).size == 0
    assert stuck(array(*values), 2, ()).size == 0


@given(
    st.lists(st.floats(0, 10), min_size=8, max_size=40),
    st.integers(0, 39),
    st.floats(1000, 1e6),
)
def test_taking_spikes_out_leaves_no_jump_of_a_single_wild_value(values, place, wild):
    series = np.array(values)
    series[place % len(series)] = wild
    found = spikes(series, most=11)
    assert found.tolist() == [place % len(series)]
    series[found] = GAP
    assert jumps(series, most=11).size == 0


def test_a_value_that_stands_still_is_found_from_first_to_last():
    assert stuck(array(1, 5, 5, 5, 2), 3, ()).tolist() == [1, 2, 3]
    assert stuck(array(1, 5, 5, 2), 3, ()).size == 0


def test_a_gap_ends_a_stuck_run():
    assert stuck(array(5, 5, GAP, 5, 5), 3, ()).size == 0


def test_an_excepted_value_may_stay():
    assert stuck(array(0, 0, 0, 0, 7, 7, 7, 7), 3, (0.0,)).tolist() == [4, 5, 6, 7]
