import numpy as np
import pytest
import torch

from forecasting.climate import calendar
from forecasting.climate.model import LEVELS, Ensemble, ForecasterSpec, pinball
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


def slope(model, from_step):
    """How the usual course moves from a step of the history to each lead: (batch, horizon)."""
    labels = ORIGIN.unsqueeze(1) + model.get_buffer("offsets")
    usual = model._climatology(calendar.phases(labels, 86_400))
    return usual[:, 10:] - usual[:, from_step : from_step + 1]


def test_an_untrained_head_moves_the_last_value_along_the_usual_course(make_forecaster, history):
    model = make_forecaster()
    silence(model)

    median = model(history, ORIGIN)[..., LEVELS.index(0.5)]

    torch.testing.assert_close(median, history[:, -1, :1] + slope(model, 9))


def test_a_gap_at_the_end_leaves_the_last_known_value(make_forecaster, history):
    model = make_forecaster()
    silence(model)
    history[:, -3:, 0] = torch.nan

    median = model(history, ORIGIN)[..., LEVELS.index(0.5)]

    torch.testing.assert_close(median, history[:, -4, :1] + slope(model, 6))


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


def test_gradients_stay_finite_with_gaps(make_forecaster, history):
    model = make_forecaster()
    history[0] = torch.nan
    history[1, 2:5, 0] = torch.nan

    model(history, ORIGIN).sum().backward()

    assert all(torch.isfinite(weight.grad).all() for weight in model.parameters())


def test_a_shift_of_the_whole_target_shifts_the_last_value_with_it(make_forecaster, history):
    model = make_forecaster(scale=0.0)
    shifted = history.clone()
    shifted[..., 0] += 3.0

    moved = model(shifted, ORIGIN) - model(history, ORIGIN)

    torch.testing.assert_close(moved, torch.full_like(moved, 3.0))


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


def test_an_ensemble_is_the_mean_of_its_members(make_forecaster, history):
    members = [make_forecaster(seed=seed) for seed in range(3)]

    together = Ensemble(members)(history, ORIGIN)

    alone = torch.stack([member(history, ORIGIN) for member in members])
    torch.testing.assert_close(together, alone.mean(dim=0))


def test_an_ensemble_of_nobody_is_refused():
    with pytest.raises(ModelInvalid, match="expected at least 1; found 0"):
        Ensemble([])


def test_pinball_is_half_the_absolute_error_at_the_median_and_asymmetric_elsewhere():
    target = torch.tensor([[1.0, np.nan]])
    quantiles = torch.tensor([[[0.0], [0.0]]])

    loss = pinball(target, quantiles, torch.tensor([0.5]))

    assert loss[0, 0] == 0.5
    assert torch.isnan(loss[0, 1])
    assert pinball(target, quantiles, torch.tensor([0.9]))[0, 0] == pytest.approx(0.9)
    assert pinball(-target, quantiles, torch.tensor([0.9]))[0, 0] == pytest.approx(0.1)
