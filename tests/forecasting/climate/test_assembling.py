"""The blend is what its parts are, weighed at rows that they never saw."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from forecasting.climate.assembling import _HeldOut, _weigh, assemble
from forecasting.climate.blending import COLUMNS, UNSHIFTED, Blend
from forecasting.climate.fitting import predict
from forecasting.climate.windows import cut


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def assembly(trained):
    return assemble(*trained)


def test_the_weights_of_each_lead_add_up_and_the_far_ones_use_no_level(assembly):
    near, far = assembly.weights.near, assembly.weights.far

    np.testing.assert_allclose(near.sum(axis=1), 1)
    np.testing.assert_allclose(far.sum(axis=1), 1)
    assert (far[:, ~np.isin(COLUMNS, UNSHIFTED)] == 0).all()
    assert (near > 0).any(axis=0).all()


def told(rng, *, right):
    """Return what was said of 300 origins of a walk of chance, or of a rest with noise on it."""
    steps = rng.normal(size=(300, 3)).cumsum(axis=1) if right else rng.normal(size=(300, 3))
    noise = rng.normal(scale=0.7, size=(300, 3, len(COLUMNS)))
    noise[..., COLUMNS.index("persistence")] = 0.0 if right else rng.normal(size=(300, 3))
    return _HeldOut(
        columns=noise, spread=np.zeros((300, 3, 9)), distance=np.ones(300), target=steps,
        unseen=np.ones(300, dtype=np.bool_),
    )  # fmt: skip


def test_a_rival_that_clearly_errs_less_than_the_blend_is_left_alone(rng):
    held = told(rng, right=True)
    weights = _weigh(held)

    alone = np.array(COLUMNS) == "persistence"
    np.testing.assert_array_equal(weights.near, np.tile(alone, (3, 1)))
    np.testing.assert_array_equal(weights.far, np.tile(alone, (3, 1)))


def test_a_rival_that_does_not_is_blended_with_the_others(rng):
    weights = _weigh(told(rng, right=False))

    assert ((weights.near > 0).sum(axis=1) > 1).all()
    np.testing.assert_allclose(weights.near.sum(axis=1), 1)


def test_where_a_lead_is_never_known_nobody_is_left_alone(rng):
    held = told(rng, right=True)
    held.target[:, 1] = np.nan

    assert ((_weigh(held).near > 0).sum(axis=1) > 1).all()


def test_the_counts_are_those_of_the_held_out_origins(assembly, trained):
    fitting, _ = trained
    folds = [fitting.fold(seed) for seed in fitting.recipe.seeds(1)[::2]]

    assert assembly.stacked == sum(len(fold.origins) for fold in folds)
    assert assembly.calibrated == sum(len(fold.halves[1]) for fold in folds)
    assert 0 < assembly.loss < 10


@pytest.mark.parametrize("column", COLUMNS[2:])
def test_a_rival_with_all_the_weight_is_forecast_by_the_blend(assembly, trained, column):
    fitting, _ = trained
    series = replace(
        fitting.series,
        values=np.nan_to_num(fitting.series.values, nan=8.0),
        observed=np.ones_like(fitting.series.observed),
    )
    rivals = fitting.rivals()
    alone = np.tile(np.array(COLUMNS) == column, (fitting.window.horizon, 1)).astype(float)
    weights = replace(assembly.weights, near=alone, far=alone)
    blend = Blend(list(assembly.blend.members), rivals, weights).eval()
    windows = cut(series, fitting.window, fitting.window.origins(380, 460))

    median = predict(blend, windows)[..., 4]

    np.testing.assert_allclose(median, rivals.rivals()[column](windows), atol=1e-3)


def test_far_from_the_usual_climate_only_the_far_weights_count(assembly, trained):
    fitting, _ = trained
    windows = cut(fitting.series, fitting.window, fitting.window.origins(380, 460))
    history = torch.from_numpy(windows.history.copy())
    history[:, :, 0] += 100 * assembly.weights.reach
    origin = torch.from_numpy(windows.origin_seconds(np.arange(len(windows))))

    with torch.no_grad():
        columns, _ = assembly.blend.parts(history, origin)
        median = assembly.blend(history, origin)[..., 4]

    far = (columns * torch.from_numpy(assembly.weights.far)).sum(dim=-1)
    torch.testing.assert_close(median, far.float(), atol=1e-3, rtol=1e-4)


def test_a_member_never_sees_its_own_stretch(trained, make_fitting, tmp_path):
    fitting, folder = trained
    fold = fitting.fold(1000)
    unseen = fold.halves[1]
    values = fitting.series.values.copy()
    # Rows of which the early stop reads neither target nor history, nor anybody outside.
    stop = fold.halves[0]
    before = stop.start - fitting.window.history + 1
    first, last = (
        (stop.stop + fitting.window.horizon - 1, fold.held.stop)
        if unseen.start > stop.start
        else (fold.held.start, before)
    )
    values[first:last] += 50.0
    changed = make_fitting(
        series=replace(fitting.series, values=values, observed=np.isfinite(values))
    )

    changed.fit_member(1000, tmp_path)

    ours, theirs = (each.weights_path(1000, place).read_bytes() for each, place in (
        (fitting, folder), (changed, tmp_path),
    ))  # fmt: skip
    assert last > first
    assert ours == theirs


def test_a_member_that_is_not_finite_makes_the_loss_infinite(trained, monkeypatch):
    fitting, folder = trained
    load = type(fitting).load_member

    def broken(self, seed, place, rivals):
        member = load(self, seed, place, rivals)
        with torch.no_grad():
            member.out.bias.fill_(torch.nan)
        return member

    monkeypatch.setattr(type(fitting), "load_member", broken)

    assert assemble(fitting, folder).loss == float("inf")
