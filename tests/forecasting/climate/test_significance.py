"""The tests of significance: beside a published implementation, and on nulls that are true."""

import numpy as np
import pytest
from dieboldmariano import dm_test
from scipy import stats

from benchmarks.significance import (
    average_superiority_size,
    diebold_mariano_size,
    null_losses,
)
from forecasting.climate.significance import (
    RESAMPLES,
    absolute_losses,
    average_superiority,
    compare,
    diebold_mariano,
    holm,
    long_run_variance,
    loss_differences,
    statistics_at,
)
from forecasting.climate.windows import WindowSpec, cut


@pytest.fixture(scope="module")
def null():
    """One gate block of losses, (213, 7), between forecasts that are equally good."""
    return null_losses(np.random.default_rng(5), 1, 213, 7)[0]


@pytest.mark.parametrize("lead", [1, 3, 7])
@pytest.mark.parametrize("shift", [0.0, 0.1, -0.2])
def test_diebold_and_mariano_agree_with_a_published_implementation(null, lead, shift):
    difference = null + shift
    losses = difference[:, lead - 1]

    found = diebold_mariano(difference)

    nothing = [0.0] * len(losses)
    told = {"loss": lambda _, loss: loss, "h": lead}  # dm_test subtracts the two losses itself
    statistic, different = dm_test(nothing, losses.tolist(), nothing, **told)
    _, better = dm_test(nothing, losses.tolist(), nothing, one_sided=True, **told)
    assert found.statistic_by_lead[lead - 1] == pytest.approx(statistic)
    assert found.p_different_by_lead[lead - 1] == pytest.approx(different)
    assert found.p_better_by_lead[lead - 1] == pytest.approx(better)


def test_bartletts_weights_are_used_only_where_the_flat_ones_give_no_variance():
    waves = np.array([3.0, -3.0] * 30)[:, None]
    noise = np.random.default_rng(0).normal(size=(60, 1))

    nothing = [0.0] * 60
    both = np.concatenate([waves + 0.1, noise], axis=1)
    found = statistics_at(both, 2)[0]

    for column, estimator in ((0, "bartlett"), (1, "acf")):
        oracle, _ = dm_test(
            nothing,
            both[:, column].tolist(),
            nothing,
            loss=lambda _, loss: loss,
            h=2,
            variance_estimator=estimator,
        )
        assert found[column] == pytest.approx(oracle)


def test_a_gap_leaves_out_its_pairs_and_nothing_else(null):
    losses = null[:, :1].copy()
    losses[[3, 50, 51]] = np.nan
    known = losses[np.isfinite(losses)]

    statistic, count = statistics_at(losses, 1)

    assert count.tolist() == [210]
    assert statistic[0] == pytest.approx(stats.ttest_1samp(known, 0.0).statistic, rel=5e-3)
    assert long_run_variance(losses, 0)[0] == pytest.approx(known.var())


def test_holm_multiplies_the_least_by_all_and_never_falls():
    p_values = np.array([0.01, 0.04, 0.03, 0.5, 0.005])

    adjusted = holm(p_values)

    # Worked by hand from Holm (1979): sorted times 5, 4, 3, 2, 1, then the running maximum.
    assert adjusted == pytest.approx([0.04, 0.09, 0.09, 0.5, 0.025])
    assert holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("lead", [1, 3, 7])
def test_a_true_null_is_rejected_in_five_percent_of_360_origins(lead):
    size = diebold_mariano_size(8000, 360, lead, seed=lead)

    assert size["two_sided"] == pytest.approx(0.05, abs=0.015)
    assert size["one_sided"] == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize("origins", [180, 213])
def test_a_true_null_over_the_horizon_is_rejected_in_five_percent_of_gate_blocks(origins):
    assert average_superiority_size(1000, origins, 7, seed=1) == pytest.approx(0.05, abs=0.02)


def test_a_better_forecast_is_found_better_and_its_rival_is_not(null):
    ours = average_superiority(null - 0.5)
    theirs = average_superiority(0.5 - null)

    assert ours.p_better < 0.01
    assert theirs.p_better > 0.99
    assert ours.mean_difference == pytest.approx(null.mean() - 0.5)
    assert (ours.origins, ours.block, ours.resamples) == (213, 14, RESAMPLES)


def test_the_same_seed_gives_the_same_p_value(null):
    one, other = average_superiority(null, seed=4), average_superiority(null, seed=4)

    assert one == other
    assert average_superiority(null, seed=5).p_better != one.p_better


def test_with_gaps_the_mean_over_the_horizon_is_that_of_the_leads_own_means(null):
    gaps = null.copy()
    gaps[10, 2:] = np.nan
    gaps[20] = np.nan

    found = average_superiority(gaps)

    assert found.origins == 212
    assert found.mean_difference == pytest.approx(np.nanmean(gaps, axis=0).mean())


def test_a_lead_without_any_known_target_is_left_out(null):
    gaps = null.copy()
    gaps[:, 6] = np.nan

    assert average_superiority(gaps).mean_difference == pytest.approx(null[:, :6].mean())


def test_forecasts_that_are_the_same_are_no_better_than_each_other():
    nothing = np.zeros((200, 3))

    assert average_superiority(nothing).p_better == 1.0
    assert diebold_mariano(nothing).p_better_by_lead == (0.5, 0.5, 0.5)
    assert diebold_mariano(nothing).p_different_by_lead == (1.0, 1.0, 1.0)


def test_a_difference_without_any_deviation_is_certain():
    always = np.full((200, 2), -0.25)

    assert average_superiority(always).p_better == 1 / (RESAMPLES + 1)
    assert average_superiority(-always).p_better == 1.0
    assert diebold_mariano(always).holm_by_lead == (0.0, 0.0)


def test_whoever_says_nothing_loses(series_of):
    series = series_of(np.arange(60.0))
    spec = WindowSpec(history=2, horizon=2)
    windows = cut(series, spec, spec.origins(0, 60))
    spoken = np.zeros(windows.target.shape)
    silent = spoken.copy()
    silent[4, 1] = np.nan
    ours, theirs = absolute_losses(windows, spoken), absolute_losses(windows, silent)

    assert average_superiority(loss_differences(ours, theirs)).p_better == 1 / (RESAMPLES + 1)
    assert average_superiority(loss_differences(theirs, ours)).p_better == 1.0
    assert average_superiority(loss_differences(theirs, theirs)).p_better == 1.0
    assert diebold_mariano(loss_differences(ours, theirs)).p_better_by_lead == (0.5, 0.0)
    assert diebold_mariano(loss_differences(theirs, ours)).p_better_by_lead == (0.5, 1.0)


def test_what_is_said_about_a_gap_is_no_loss(series_of):
    series = series_of([0.0, 1.0, np.nan, 3.0, 4.0])
    windows = cut(series, WindowSpec(history=1, horizon=1), range(4))

    losses = absolute_losses(windows, np.full((4, 1), np.nan))

    assert np.isnan(losses[:, 0]).tolist() == [False, True, False, False]


@pytest.mark.parametrize("origins", [0, 1, 3])
def test_too_few_origins_show_nothing(origins):
    difference = np.full((origins, 2), -1.0)

    assert average_superiority(difference).p_better == 1.0
    assert diebold_mariano(difference[:1]).holm_by_lead == (1.0, 1.0)
    assert diebold_mariano(np.full((2, 3), np.nan)).p_better_by_lead == (1.0, 1.0, 1.0)


def test_two_ways_to_the_same_forecast_are_not_told_apart_by_their_rounding():
    theirs = np.abs(np.random.default_rng(4).normal(1000, 1, (200, 7)) - 1000)
    ours = theirs - 3e-5

    found = compare(ours, theirs)

    assert found.over_horizon.p_better == 1.0
    assert found.over_horizon.mean_difference == 0.0
    assert min(found.by_lead.holm_by_lead) > 0.05


def test_a_gain_that_is_small_but_no_rounding_is_seen():
    theirs = np.abs(np.random.default_rng(4).normal(size=(200, 7)))

    assert compare(0.999 * theirs, theirs).over_horizon.p_better < 0.05
