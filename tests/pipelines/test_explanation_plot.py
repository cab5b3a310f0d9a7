"""The figure shows the explanation's own numbers, at their own days."""

from dataclasses import replace

import numpy as np
import pytest

from forecasting.climate.attribution import Attribution
from pipelines.explaining import explain_files
from pipelines.explanation_plot import plot_explanation


@pytest.fixture(scope="module")
def explanation(small_run):
    return explain_files(small_run.work.folder / "lstm", small_run.work.series)


@pytest.fixture(scope="module")
def axes(explanation):
    return {
        each.get_title().partition(" (")[0]: each for each in plot_explanation(explanation).axes
    }


def line(axes, label):
    [found] = [each for each in axes.lines if each.get_label() == label]
    return found


def titled(axes, start):
    [found] = [each for title, each in axes.items() if title.startswith(start)]
    return found


def test_what_was_read_ends_at_the_origin_and_the_forecast_begins_after_it(axes, explanation):
    panel = titled(axes, "What was read")

    observed = line(panel, "observed")
    assert list(observed.get_xdata()) == list(range(-9, 1))
    np.testing.assert_array_equal(observed.get_ydata(), explanation.history[:, 0])
    assert list(line(panel, "forecast").get_xdata()) == [1]
    assert panel.get_ylabel() == "°C"


@pytest.mark.parametrize("name", ["forget", "input", "output"])
def test_each_gate_is_drawn_over_the_history(axes, explanation, name):
    drawn = line(titled(axes, "Gates of the LSTM"), name)

    np.testing.assert_array_equal(drawn.get_ydata(), explanation.gating.gates["lstm"][name].mean)


def test_the_heat_map_has_a_row_for_each_variable(axes, explanation):
    panel = titled(axes, "What each observation added")

    [image] = panel.images
    np.testing.assert_array_equal(image.get_array(), explanation.attribution.occlusion.T)
    names = [label.get_text() for label in panel.get_yticklabels()]
    assert names == list(explanation.series.names)


def test_both_methods_shares_stand_side_by_side_and_sum_to_one(axes):
    for start in ("Share of each variable", "Share of the days back"):
        bars = [patch.get_width() for patch in titled(axes, start).patches]
        assert sum(bars) == pytest.approx(2)


def test_the_memory_is_drawn_by_the_days_since_it_was_written(axes, explanation):
    panel = titled(axes, "Memory left at the origin")

    drawn = line(panel, "LSTM")
    assert list(drawn.get_xdata()) == list(range(10))
    np.testing.assert_array_equal(drawn.get_ydata(), explanation.gating.kept["lstm"])
    assert f"{explanation.gating.memory_length:.1f} days" in panel.get_title()


def test_every_cells_gradient_is_drawn_on_a_logarithmic_scale(axes, explanation):
    panel = titled(axes, "How far an error reaches back")

    assert panel.get_yscale() == "log"
    names = {"rnn": "Elman, tanh", "irnn": "Elman, ReLU-identity", "lstm": "LSTM", "gru": "GRU"}
    for cell, name in names.items():
        trained = explanation.gradients[cell].trained
        np.testing.assert_allclose(line(panel, name).get_ydata(), trained / trained[-1])


def test_a_forecast_without_parts_is_drawn_without_an_agreement(explanation):
    nothing = np.zeros_like(explanation.attribution.occlusion)
    bare = replace(
        explanation, attribution=Attribution(occlusion=nothing, gradients=nothing, residue=0.0)
    )

    figure = plot_explanation(bare)

    figure.canvas.draw()
    assert not any("nan" in axes.get_title() for axes in figure.axes)
