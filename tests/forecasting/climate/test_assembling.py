"""The blend is what its parts are, weighed at rows that they never saw."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from forecasting.climate.assembling import assemble
from forecasting.climate.blending import COLUMNS, UNSHIFTED, Blend
from forecasting.climate.fitting import predict
from forecasting.climate.windows import cut


@pytest.fixture(scope="module")
def assembly(trained):
    return assemble(*trained)


def test_the_weights_of_each_lead_add_up_and_the_far_ones_use_no_level(assembly):
    near, far = assembly.weights.near, assembly.weights.far

    np.testing.assert_allclose(near.sum(axis=1), 1)
    np.testing.assert_allclose(far.sum(axis=1), 1)
    assert (far[:, ~np.isin(COLUMNS, UNSHIFTED)] == 0).all()
    assert (near > 0).any(axis=0).all()


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
