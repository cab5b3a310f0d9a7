from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_checks.sketch import HEIGHT, MOST_POINTS, WIDTH, Sketch, _levels


def sketch(kept, removed=None):
    kept = np.array(kept, dtype=np.float64)
    return Sketch(
        name="temperature_2m_mean",
        unit="°C",
        start=datetime(2024, 1, 1, tzinfo=UTC),
        step=timedelta(days=1),
        kept=kept,
        removed=np.full(len(kept), np.nan) if removed is None else np.array(removed),
    )


def test_a_gap_breaks_the_line_and_is_shaded():
    drawing = sketch([1, 2, np.nan, np.nan, 3, 4]).drawing()
    assert len(drawing.paths) == 2
    assert len(drawing.gaps) == 1


def test_a_lone_value_is_still_seen():
    drawing = sketch([np.nan, 2, np.nan]).drawing()
    assert drawing.paths[0].endswith("h1")


def test_a_quarantined_value_beyond_the_plot_stands_at_its_edge():
    nan = np.nan
    drawing = sketch([1, nan, 2, nan, 3, nan], [nan, 99, nan, -99, nan, 2.5]).drawing()
    assert [mark.shape for mark in drawing.marks] == ["up", "down", "inside"]
    assert all(0 <= mark.y <= HEIGHT for mark in drawing.marks)
    assert drawing.marks[0].title == "2024-01-02: 99 °C, quarantined"


def test_nothing_known_is_an_empty_plot():
    drawing = sketch([np.nan] * 4).drawing()
    assert drawing.paths == ()
    assert drawing.heights


def test_a_long_series_keeps_its_extremes_and_few_points():
    values = np.sin(np.arange(200_000) / 1000)
    values[123_456] = 9
    drawing = sketch(values).drawing()
    points = drawing.paths[0].split(" L")
    assert len(points) <= MOST_POINTS + 2
    assert min(float(point.split(",")[1]) for point in points) < 40


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_levels_enclose_the_range(low, span):
    levels = _levels(low, low + span)
    assert levels[0] <= low + 1e-9 * abs(low) + 1e-9
    assert levels[-1] >= low + span - 1e-9 * abs(low + span) - 1e-9
    assert 2 <= len(levels) <= 8


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_days_are_drawn_inside_the_box(count):
    drawing = sketch(np.arange(count)).drawing()
    assert all(0 <= x <= WIDTH for _, x in drawing.dates)
