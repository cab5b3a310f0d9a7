import numpy as np
import pytest
import torch

from forecasting.climate import calendar
from forecasting.climate.model import LEVELS, ForecasterSpec, last_known, pinball
from forecasting.climate.windows import WindowSpec
from forecasting.errors import ModelInvalid

ORIGIN = torch.tensor([1_400_000_000 // 86_400 * 86_400] * 4)


@pytest.fixture
def history():
    return 15 + 5 * torch.randn(4, 10, 2, generator=torch.Generator().manual_seed(1))


def test_a_forecast_has_a_quantile_for_each_lead_and_level(make_forecaster, history):
    quantiles = make_forecaster()(history, ORIGIN)

    assert quantiles.shape == (4, 3, len(LEVELS))
    assert torch.isfinite(quantiles).all()


def silence(model):
    """Take away what the head has to say."""
    with torch.no_grad():
        model.out.weight.zero_()
        model.out.bias.zero_()


def usual(model):
    """The usual course over history and horizon: (batch, steps)."""
    return model._climatology(calendar.around(ORIGIN, model.get_buffer("offsets"), 86_400))


@pytest.mark.parametrize("view", ["level", "departure"])
def test_a_head_that_says_nothing_leaves_the_regression(make_forecaster, history, view):
    model = make_forecaster(view=view)
    silence(model)

    median = model(history, ORIGIN)[..., LEVELS.index(0.5)]

    torch.testing.assert_close(median, model.linear(history, ORIGIN))
    assert model.linear.spec.recentred == (view == "departure")


def test_the_last_known_value_is_the_one_before_a_gap_and_the_usual_where_all_are(history):
    target, usual_course = history[:, :, 0].clone(), history[:, :, 1]
    target[:, -3:] = torch.nan
    target[1] = torch.nan

    last, usual_then = last_known(target, usual_course, 10)

    torch.testing.assert_close(last[0], target[0, -4:-3])
    torch.testing.assert_close(usual_then[0], usual_course[0, -4:-3])
    torch.testing.assert_close(last[1], usual_course[1, -1:])
    torch.testing.assert_close(usual_then[1], usual_course[1, -1:])


def test_a_shift_of_every_day_shifts_the_forecast_and_nothing_else(make_forecaster, history):
    model = make_forecaster()
    shifted = history + torch.tensor([3.0, 0.0])

    torch.testing.assert_close(
        model(shifted, ORIGIN), model(history, ORIGIN) + 3.0, atol=1e-4, rtol=0
    )


def test_a_history_of_gaps_falls_back_on_the_usual(make_forecaster, history):
    model = make_forecaster()
    silence(model)

    median = model(torch.full_like(history, torch.nan), ORIGIN)[..., LEVELS.index(0.5)]

    assert torch.isfinite(median).all()
    assert (median > -5).all()
    assert (median < 30).all()


def test_a_gap_is_not_read_as_the_mean(make_forecaster, history):
    model, mean = make_forecaster(), history.clone()
    gap = history.clone()
    gap[:, 4, 1] = torch.nan
    mean[:, 4, 1] = model.get_buffer("mean")[1]

    assert not torch.equal(model(gap, ORIGIN), model(mean, ORIGIN))


def test_differences_are_what_each_step_adds_and_nothing_beside_a_gap(make_forecaster, history):
    history[0, 5, 1] = torch.nan
    model = make_forecaster(differences=True, view="level")

    read = model.features(history, ORIGIN)

    departures, known, moved = (read[..., 2 * part : 2 * part + 2] for part in range(3))
    expected = departures[:, 1:] - departures[:, :-1]
    expected[0, 4:6, 1] = 0.0
    assert read.shape == (4, 10, model.spec.features)
    torch.testing.assert_close(moved[:, 1:], expected)
    assert not moved[:, 0].any()
    assert known[0, 5].tolist() == [1.0, 0.0]


def test_gradients_stay_finite_with_gaps(make_forecaster, history):
    model = make_forecaster()
    history[0] = torch.nan
    history[1, 2:5, 0] = torch.nan

    model(history, ORIGIN).sum().backward()

    assert all(torch.isfinite(weight.grad).all() for weight in model.parameters())


@pytest.mark.parametrize("levels", [(0.1, 0.9), (0.5, 0.1), (0.5, 0.5)])
def test_levels_that_do_not_ascend_or_lack_the_median_are_refused(levels):
    with pytest.raises(ModelInvalid, match="hold the median"):
        ForecasterSpec(
            cell="gru", widths=(4,), variables=2, target=0, step_seconds=86_400,
            window=WindowSpec(history=4, horizon=2), levels=levels,
        )  # fmt: skip


def test_a_cell_that_does_not_exist_is_refused(make_forecaster):
    with pytest.raises(ModelInvalid, match="no such cell"):
        make_forecaster(cell="transformer")


def test_pinball_is_half_the_absolute_error_at_the_median_and_asymmetric_elsewhere():
    target = torch.tensor([[1.0, np.nan]])
    quantiles = torch.tensor([[[0.0], [0.0]]])

    loss = pinball(target, quantiles, torch.tensor([0.5]))

    assert loss[0, 0] == 0.5
    assert torch.isnan(loss[0, 1])
    assert pinball(target, quantiles, torch.tensor([0.9]))[0, 0] == pytest.approx(0.9)
    assert pinball(-target, quantiles, torch.tensor([0.9]))[0, 0] == pytest.approx(0.1)
