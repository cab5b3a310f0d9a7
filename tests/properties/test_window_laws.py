"""Windows fill the series and cross no border; blocks share no target."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.climate.windows import GATE_ORIGINS, Blocks, WindowSpec, cut
from forecasting.errors import SeriesTooShort, WindowError
from tests.properties.stations import series_of

specs = st.builds(WindowSpec, history=st.integers(1, 70), horizon=st.integers(1, 15))


def numbered(rows):
    """A series whose values are their own row numbers."""
    values = np.arange(2 * rows, dtype=np.float32).reshape(rows, 2)
    return series_of(values)


@given(spec=specs, spare=st.integers(0, 40))
def test_windows_fill_the_series(spec, spare):
    rows = spec.span + spare

    windows = cut(numbered(rows), spec, spec.origins(0, rows))

    assert len(windows) == len(spec.starts(rows)) == spare + 1
    assert windows.history[0, 0, 0] == 0
    assert windows.target[-1, -1] == 2 * (rows - 1)


@given(spec=specs, spare=st.integers(0, 40))
def test_a_target_begins_where_its_history_ends(spec, spare):
    rows = spec.span + spare

    windows = cut(numbered(rows), spec, spec.origins(0, rows))

    for position, origin in enumerate(windows.origins):
        past = np.arange(origin - spec.history + 1, origin + 1)
        ahead = np.arange(origin + 1, origin + spec.horizon + 1)
        assert np.array_equal(windows.history[position, :, 0], 2 * past)
        assert np.array_equal(windows.target[position], 2 * ahead)


@given(spec=specs, spare=st.integers(0, 40))
def test_windows_copy_nothing(spec, spare):
    series = numbered(spec.span + spare)

    windows = cut(series, spec, spec.origins(0, len(series)))

    assert np.shares_memory(windows.history, series.values)
    assert np.shares_memory(windows.target, series.values)
    assert np.shares_memory(windows.history_observed, series.observed)
    assert not windows.history.flags.writeable


@given(spec=specs, lack=st.integers(1, 20))
def test_a_series_shorter_than_one_window_is_refused_with_both_numbers(spec, lack):
    rows = max(spec.span - lack, 0)

    with pytest.raises(WindowError, match=f"need at least {spec.span} steps, got {rows}"):
        spec.starts(rows)


@given(spec=specs, first=st.integers(0, 300), length=st.integers(0, 120))
def test_the_targets_of_a_blocks_origins_stay_in_its_rows(spec, first, length):
    last = first + length

    origins = spec.origins(first, last)

    for origin in origins:
        assert origin - spec.history + 1 >= 0
        assert first <= origin + 1
        assert origin + spec.horizon < last


@given(spec=specs, first=st.integers(0, 300), length=st.integers(0, 120))
def test_no_origin_that_would_fit_is_left_out(spec, first, length):
    last = first + length
    fitting = [
        origin
        for origin in range(last)
        if origin >= spec.history - 1 and origin + 1 >= first and origin + spec.horizon < last
    ]

    assert list(spec.origins(first, last)) == fitting


@given(spec=specs, spare=st.integers(0, 3000))
def test_blocks_partition_the_rows_and_share_no_target(spec, spare):
    rows = enough_rows(spec, 400 + spare)

    blocks = Blocks.of(rows, spec)

    borders = [0, blocks.train, blocks.gate]
    assert borders == sorted(set(borders))
    assert blocks.gate == rows
    seen = set()
    for first, last in itertools.pairwise(borders):
        origins = spec.origins(first, last)
        targets = {origin + lead for origin in origins for lead in range(1, spec.horizon + 1)}
        assert origins
        assert not targets & seen
        seen |= targets


@given(spec=specs, spare=st.integers(0, 3000))
def test_the_gate_has_half_a_year_of_origins(spec, spare):
    blocks = Blocks.of(enough_rows(spec, 400 + spare), spec)

    assert len(spec.origins(blocks.train, blocks.gate)) >= GATE_ORIGINS


@given(spec=specs, rows=st.integers(0, 700))
def test_the_number_that_a_refusal_of_blocks_asks_for_is_enough(spec, rows):
    enough = enough_rows(spec, rows)

    assert enough >= rows
    assert Blocks.of(enough, spec).train >= 3 * spec.history + 24 * spec.horizon


def enough_rows(spec, rows):
    """Return the rows where they can be divided, else the number that the refusal asks for."""
    try:
        Blocks.of(rows, spec)
    except SeriesTooShort as error:
        return int(re.search(r"at least (\d+) steps", str(error)).group(1))
    return rows
