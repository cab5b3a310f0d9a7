"""T2 and T5 on the real fit: what the weights of a member depend on, bit by bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from forecasting.climate.assembling import assemble
from forecasting.climate.recipe import RECIPES, recipe_of
from forecasting.climate.selftest import corrupt_after
from forecasting.errors import Diverged, ModelInvalid


def fit(fitting, folder, seed=1000):
    fitted = fitting.fit_member(seed, folder)
    return load_file(fitting.weights_path(seed, folder)), fitted


def assert_same_weights(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(weight, other[name]) for name, weight in one.items())


def test_the_same_seed_gives_the_same_weights_and_scores(make_fitting, trained, tmp_path):
    fitting, folder = trained
    weights, fitted = fit(make_fitting(), tmp_path)

    assert_same_weights(weights, load_file(fitting.weights_path(1000, folder)))
    again, refitted = fit(make_fitting(), tmp_path / "again")
    assert_same_weights(weights, again)
    assert [epoch.score for epoch in fitted.history] == [epoch.score for epoch in refitted.history]


def test_another_seed_gives_other_weights(trained):
    fitting, folder = trained
    one, other = (load_file(fitting.weights_path(seed, folder)) for seed in (1000, 1001))

    assert not torch.equal(one["out.weight"], other["out.weight"])


def test_runs_with_other_seeds_share_no_member():
    recipe = recipe_of("default")

    assert not set(recipe.seeds(1)) & set(recipe.seeds(2))
    assert len(recipe.seeds(1)) == recipe.members


def test_rows_after_the_train_block_change_no_weight(make_fitting, trained, tmp_path):
    fitting, folder = trained
    series = corrupt_after(fitting.series, fitting.blocks.train - 1, seed=9)

    weights, _ = fit(make_fitting(series=series), tmp_path)

    assert_same_weights(weights, load_file(fitting.weights_path(1000, folder)))


def test_a_row_of_the_train_block_does_change_the_weights(make_fitting, trained, tmp_path):
    fitting, folder = trained
    series = corrupt_after(fitting.series, fitting.blocks.train - 2, seed=9)

    # The member that holds the last stretch out does not see that row; the next one does.
    weights, _ = fit(make_fitting(series=series), tmp_path, seed=1002)

    trained_weights = load_file(fitting.weights_path(1002, folder))
    assert not torch.equal(weights["mean"], trained_weights["mean"])
    assert not torch.equal(weights["out.weight"], trained_weights["out.weight"])


def test_a_constant_column_is_trained_on_without_a_division_by_zero(
    make_series, make_fitting, tmp_path
):
    series = make_series()
    values = series.values.copy()
    values[:, 1] = 3.0
    constant = replace(series, values=values)

    weights, fitted = fit(make_fitting(series=constant, epochs=1), tmp_path)

    assert not fitted.diverged
    assert all(torch.isfinite(weight).all() for weight in weights.values())


def test_a_constant_target_is_trained_on_without_a_division_by_zero(
    series_of, make_fitting, tmp_path
):
    constant = series_of(np.full(460, 20.0), np.arange(460.0))

    weights, _ = fit(make_fitting(series=constant, epochs=1), tmp_path)

    assert all(torch.isfinite(weight).all() for weight in weights.values())


def test_an_absurd_rate_is_refused_as_diverged_and_leaves_no_weights(make_fitting, tmp_path):
    fitting = make_fitting(clip_norm=float("inf"), optimiser="sgd")
    wild = replace(fitting.recipe, training=replace(fitting.recipe.training, learning_rate=1e30))

    with pytest.raises(Diverged, match="not finite at learning rate 1e\\+30"):
        fit(replace(fitting, recipe=wild), tmp_path)

    assert not fitting.weights_path(1000, tmp_path).exists()


def test_a_member_that_was_trained_is_not_trained_again(make_fitting, tmp_path):
    fit(make_fitting(epochs=1), tmp_path)
    seen = []

    fitted = make_fitting(epochs=1).fit_member(1000, tmp_path, seen.append)

    assert seen == []
    assert fitted.resumed_from == 1


def test_the_ensemble_holds_every_members_weights(trained):
    fitting, folder = trained

    ensemble = assemble(fitting, folder).blend

    for member, seed in zip(ensemble.members, fitting.recipe.seeds(1), strict=True):
        assert_same_weights(member.state_dict(), load_file(fitting.weights_path(seed, folder)))
    assert not ensemble.training


def test_a_run_logs_everything_that_the_weights_depend_on(trained):
    parameters = trained[0].parameters()

    assert parameters["seeds"] == [1000, 1001, 1002, 1003]
    assert parameters["training.epochs"] == 3
    assert parameters["rows.train"] == 380
    assert parameters["cell"] == "gru"
    assert "training.seed" not in parameters


def test_a_preset_is_found_by_its_name():
    assert recipe_of("quick").members == 4
    assert all(recipe_of(name).name == name for name in RECIPES)


def test_an_unknown_preset_is_refused_with_those_that_are_known():
    with pytest.raises(ModelInvalid, match="expected default, quick; found huge"):
        recipe_of("huge")
