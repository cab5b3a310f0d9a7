"""A candidate is judged by the graph that would be served, on rows that nobody has seen."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from forecasting.climate.candidate import LEAST_SHARED_ORIGINS, Champion, Trial
from forecasting.climate.export import write_graph
from forecasting.climate.gate import judge
from forecasting.climate.model import LEVELS
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


def test_the_blocks_of_a_trial_share_no_target(trial):
    calibration, gate = trial.calibration, trial.gate

    assert calibration.origins[-1] + trial.window.horizon < trial.blocks.calibration
    assert gate.origins[0] + 1 == trial.blocks.calibration
    assert gate.origins[-1] + trial.window.horizon == trial.blocks.gate - 1


def test_a_trial_has_seen_everything_before_the_gate(trial):
    assert trial.trained_through == "2013-01-14"
    assert trial.series.label(trial.blocks.calibration).date().isoformat() == "2013-01-15"


def test_without_a_champion_only_the_rivals_count(trial, exported):
    evidence = trial.evidence(exported / "model.onnx", None)

    assert evidence.champion_version is None
    assert set(evidence.rivals) == {"persistence", "climatology", "damped_anomaly_persistence"}
    assert evidence.candidate.origins == len(trial.gate)
    assert evidence.selftest.leaks == ()


def test_a_champion_is_met_on_the_rows_that_it_has_not_seen(trial, champion_of, exported):
    champion = champion_of("2013-01-20")

    evidence = trial.evidence(exported / "model.onnx", champion)

    assert evidence.champion_version == 4
    assert evidence.champion == evidence.against_champion
    assert evidence.champion.origins == len(trial.gate) - 6
    assert not judge(evidence).promoted


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
    assert (evidence.champion_version, evidence.champion) == (4, None)
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


def test_the_calibration_block_chooses_by_pinball_loss(trial, exported):
    assert 0 < trial.choose_by(exported / "model.onnx") < 10


def test_a_graph_that_is_not_finite_is_never_chosen(trial, trained, tmp_path):
    fitting, folder = trained
    broken = fitting.assemble(folder)
    with torch.no_grad():
        broken.members[0].out.bias.fill_(torch.nan)
    write_graph(broken, fitting.window, 2, tmp_path / "broken.onnx")

    assert trial.choose_by(tmp_path / "broken.onnx") == math.inf
    verdict = judge(trial.evidence(tmp_path / "broken.onnx", None))
    assert not verdict.promoted
    assert "finite: False" in verdict.sentence


def test_rivals_are_fitted_on_the_train_block_only(trial):
    series = trial.series
    values = series.values.copy()
    values[trial.blocks.train : trial.blocks.calibration - trial.window.history] += 40
    other = replace(trial, series=replace(series, values=values, observed=np.isfinite(values)))

    assert other.rivals() == trial.rivals()
