"""A candidate is judged by the graph that would be served, on rows that nobody has seen."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from forecasting.climate.assembling import assemble
from forecasting.climate.candidate import LEAST_SHARED_ORIGINS, Champion, Trial
from forecasting.climate.export import write_graph
from forecasting.climate.gate import judge
from forecasting.climate.model import LEVELS
from forecasting.climate.significance import compare
from forecasting.stores.published import ModelCard


@pytest.fixture
def trial(trained):
    fitting, _ = trained
    return Trial(series=fitting.series, window=fitting.window, blocks=fitting.blocks, levels=LEVELS)


@pytest.fixture
def champion_of(trial, exported):
    def build(trained_through, **changes):
        card = ModelCard(
            model="climate-oslo", station="oslo", target=trial.series.target, unit="°C",
            variables=trial.series.names, history=10, horizon=3, levels=LEVELS,
            step_seconds=86_400, cell="gru", members=2, parameters=1,
            trained_through=trained_through, data_sha256="d" * 64, run_id="r",
        )  # fmt: skip
        graph = exported / "model.onnx"
        return Champion(version=4, graph=graph, card=replace(card, **changes))

    return build


def test_a_trial_is_judged_right_after_what_it_has_seen(trial):
    gate = trial.gate

    assert gate.origins[0] + 1 == trial.blocks.train
    assert gate.origins[-1] + trial.window.horizon == trial.blocks.gate - 1
    assert trial.trained_through == "2013-01-14"
    assert trial.series.label(trial.blocks.train).date().isoformat() == "2013-01-15"


def test_without_a_champion_only_the_rivals_count(trial, exported):
    evidence = trial.evidence(exported / "model.onnx", None)

    assert evidence.champion_version is None
    assert {"persistence", "climatology", "linear_recentred"} < set(evidence.rivals)
    assert evidence.candidate.origins == len(trial.gate)
    assert set(evidence.comparisons) == set(evidence.rivals)
    assert evidence.selftest.leaks == ()


def test_the_comparisons_are_of_the_same_errors_as_the_scores(trial, exported):
    evidence = trial.evidence(exported / "model.onnx", None)

    for name, comparison in evidence.comparisons.items():
        over = comparison.over_horizon
        difference = evidence.candidate.mean_mae - evidence.rivals[name].mean_mae
        assert over.mean_difference == pytest.approx(difference)
        assert len(comparison.by_lead.holm_by_lead) == trial.window.horizon
        assert over.origins == evidence.candidate.origins


def test_evidence_says_how_seasons_differ_and_what_a_forecast_costs(trial, exported):
    evidence = trial.evidence(exported / "model.onnx", None)

    assert list(evidence.seasons) == ["DJF", "MAM"]
    assert all(0 < scores.mase < 5 for scores in evidence.seasons.values())
    assert evidence.cost.megabytes == (exported / "model.onnx").stat().st_size / 1e6
    assert 0 < evidence.cost.milliseconds < 50


def test_evidence_is_the_same_every_time_but_for_the_stopwatch(trial, exported):
    one, other = (trial.evidence(exported / "model.onnx", None) for _ in range(2))

    assert replace(one, cost=other.cost) == other


def test_a_champion_that_says_nothing_on_newer_rows_loses_to_who_speaks(
    trial, champion_of, trained, exported, tmp_path
):
    fitting, folder = trained
    broken = assemble(fitting, folder).blend
    with torch.no_grad():
        broken.members[0].out.bias.fill_(torch.nan)
    write_graph(broken, fitting.window, 2, tmp_path / "broken.onnx")
    silent = replace(champion_of("2012-12-31"), graph=tmp_path / "broken.onnx")

    evidence = trial.evidence(exported / "model.onnx", silent)

    assert math.isnan(evidence.duel.champion.mean_mae)
    verdict = judge(evidence)
    assert next(check for check in verdict.checks if "champion" in check.name).passed


def test_on_a_random_walk_a_network_is_refused_for_not_beating_persistence(
    make_fitting, series_of, tmp_path
):
    rng = np.random.default_rng(2)
    walk = series_of(10 + rng.normal(0, 1, 460).cumsum(), rng.normal(5, 1, 460))
    fitting = make_fitting(series=walk)
    for seed in fitting.recipe.seeds(fitting.seed):
        fitting.fit_member(seed, tmp_path)
    write_graph(assemble(fitting, tmp_path).blend, fitting.window, 2, tmp_path / "model.onnx")
    trial = Trial(series=walk, window=fitting.window, blocks=fitting.blocks, levels=LEVELS)

    verdict = judge(trial.evidence(tmp_path / "model.onnx", None))

    assert not verdict.promoted
    assert "not significantly better than persistence" in verdict.sentence


def test_on_random_walks_a_fitted_model_is_rarely_called_better_than_persistence():
    rng, called = np.random.default_rng(3), 0
    for _ in range(100):
        changes = rng.normal(0, 1, 700)
        slope = changes[:499] @ changes[1:500] / (changes[:499] @ changes[:499])
        ahead = np.stack([changes[500 + lead : 680 + lead] for lead in range(1, 8)], axis=1)
        truth = ahead.cumsum(axis=1)
        said = changes[500:680, None] * slope * np.ones(7)
        found = compare(np.abs(truth - said), np.abs(truth))
        called += found.over_horizon.p_better <= 0.05

    assert called <= 10


def test_a_champion_is_met_on_the_rows_that_it_has_not_seen(trial, champion_of, exported):
    champion = champion_of("2013-01-20")

    evidence = trial.evidence(exported / "model.onnx", champion)

    assert evidence.champion_version == 4
    assert evidence.duel.champion == evidence.duel.candidate
    assert evidence.duel.champion.origins == len(trial.gate) - 6
    assert evidence.duel.newer_by_days == -6
    assert evidence.duel.comparison.over_horizon.p_better == 1.0
    assert not judge(evidence).promoted


def test_a_candidate_judged_again_is_as_new_as_its_own_last_row(trial, champion_of, exported):
    champion, graph = champion_of("2012-12-31"), exported / "model.onnx"

    assert trial.evidence(graph, champion).duel.newer_by_days == 14
    assert trial.evidence(graph, champion, "2012-12-21").duel.newer_by_days == -10


def test_the_first_shared_target_is_the_day_after_the_champions_last(trial, champion_of):
    shared = champion_of("2013-01-20").unseen(trial)

    first_target = trial.series.label(shared.origins[0] + 1)
    assert first_target.date().isoformat() == "2013-01-21"
    assert champion_of("2012-12-31").unseen(trial).origins == trial.gate.origins


def test_too_few_shared_rows_are_no_comparison(trial, champion_of, exported):
    last = trial.series.label(trial.gate.origins[-LEAST_SHARED_ORIGINS] + 1)
    champion = champion_of(last.date().isoformat())

    evidence = trial.evidence(exported / "model.onnx", champion)

    assert champion.unseen(trial) is None
    assert (evidence.champion_version, evidence.duel) == (4, None)
    assert not judge(evidence).promoted


@pytest.mark.parametrize(
    "changes",
    [
        {"variables": ("temperature_2m_mean",)},
        {"target": "wind_speed_10m_mean"},
        {"history": 20},
        {"horizon": 7},
        {"levels": (0.1, 0.5, 0.9)},
    ],
)
def test_a_champion_that_cannot_forecast_the_series_stands_in_nobodys_way(
    trial, champion_of, exported, changes
):
    champion = champion_of("2012-12-31", **changes)

    assert champion_of("2012-12-31").reads(trial)
    assert not champion.reads(trial)
    assert trial.evidence(exported / "model.onnx", champion).champion_version is None


def test_a_graph_that_is_not_finite_is_never_promoted(trial, trained, tmp_path):
    fitting, folder = trained
    broken = assemble(fitting, folder).blend
    with torch.no_grad():
        broken.members[0].out.bias.fill_(torch.nan)
    write_graph(broken, fitting.window, 2, tmp_path / "broken.onnx")

    verdict = judge(trial.evidence(tmp_path / "broken.onnx", None))
    assert not verdict.promoted
    assert "finite: False" in verdict.sentence
