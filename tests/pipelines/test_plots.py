import numpy as np
import pytest

from forecasting.climate.candidate import Trial
from forecasting.climate.model import LEVELS
from forecasting.climate.windows import Blocks
from pipelines import plots


@pytest.fixture
def gate(make):
    series = make.series()
    plan = make.plan(series)
    return Trial(
        series=series, window=plan.window, blocks=Blocks.of(460, plan.window), levels=LEVELS
    ).gate


def lines(figure):
    return {line.get_label(): line for line in figure.axes[0].lines}


def test_predictions_stand_at_their_own_day_beside_what_was_observed(gate):
    quantiles = np.zeros((len(gate), 1, len(LEVELS))) + np.linspace(-1, 1, len(LEVELS))
    drawn = lines(plots.plot_predictions(gate, quantiles, LEVELS, "°C"))
    first = np.datetime64("2012-01-01") + gate.first_origin + 1
    assert drawn["observed"].get_xdata()[0].astype("datetime64[D]") == first
    assert np.array_equal(drawn["observed"].get_ydata(), gate.target[:, 0])
    assert np.array_equal(drawn["median"].get_ydata(), quantiles[:, 0, LEVELS.index(0.5)])


def test_skill_is_zero_where_a_rival_is_as_good(make):
    drawn = lines(plots.plot_skill(make.scores((1.0, 1.0)), {"a_rival": make.scores((1.0, 1.0))}))
    assert list(drawn["a rival"].get_ydata()) == [0.0, 0.0]
    assert list(drawn["a rival"].get_xdata()) == [1, 2]


def test_residuals_leave_gaps_out(gate):
    median = np.where(np.arange(len(gate))[:, None] % 2, np.nan, gate.target)
    figure = plots.plot_residuals(gate, median, "°C")
    counts = [patch.get_height() for patch in figure.axes[0].patches]
    assert sum(counts) == 2 * sum(np.arange(len(gate)) % 2 == 0)


def test_the_loss_of_every_member_is_drawn_with_its_best_epoch():
    history = [{"epoch": epoch, "loss": 1 / epoch, "score": 2 / epoch} for epoch in (1, 2, 3)]
    fit = {"history": history, "best_epoch": 3, "best_score": 2 / 3}
    figure = plots.plot_loss({"1000": fit, "1001": fit})
    assert len(figure.axes[0].lines) == 6
    assert list(lines(figure)["early-stop MAE"].get_ydata()) == [2, 1, 2 / 3]


def test_the_lectures_predictions_stand_beside_the_actual_values():
    days = np.arange(3) * 86_400
    drawn = lines(plots.plot_lecture(days, np.array([1, 2, 3]), np.array([1, 1, 1])))
    assert list(drawn["predicted"].get_ydata()) == [1, 2, 3]
    assert list(drawn["observed"].get_ydata()) == [1, 1, 1]
