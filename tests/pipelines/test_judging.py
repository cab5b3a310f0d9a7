import json
import math
from dataclasses import replace

import numpy as np
import pytest
from torch import nn

from forecasting.climate.assembling import Assembly
from forecasting.climate.blending import BlendWeights
from forecasting.climate.candidate import Trial
from forecasting.climate.choosing import HeldLosses
from forecasting.climate.model import ForecasterSpec
from forecasting.climate.windows import WindowSpec
from forecasting.errors import Diverged
from forecasting.stores.published import GRAPH, WEIGHTS
from forecasting.stores.registry.aliases import CHAMPION
from forecasting.stores.registry.versions import connect
from pipelines import judging
from pipelines.judging import judge_candidates, read_judgement, write_judgement


def test_the_candidate_with_the_least_loss_at_held_out_origins_is_chosen(small_run):
    judgement = small_run.judgement
    assert judgement.cell == min(judgement.losses, key=judgement.losses.get)
    assert set(judgement.losses) == set(judgement.leaderboard) == {"lstm", "gru"}
    assert judgement.verdict.evidence.candidate == judgement.leaderboard[judgement.cell]
    assert judgement.champion is None


def test_a_candidate_leaves_one_graph_and_its_weights(small_run):
    for cell in small_run.recipe.cells:
        path = small_run.work.folder / cell
        assert (path / GRAPH).stat().st_size > 1000
        assert (path / WEIGHTS).stat().st_size > 1000
    assert small_run.judgement.parameters > 100


def test_a_judgement_reads_back_as_it_was_written(tmp_path, small_run):
    write_judgement(tmp_path, small_run.judgement)
    assert read_judgement(tmp_path) == small_run.judgement


def test_a_judgement_with_numbers_that_json_lacks_reads_back(tmp_path, small_run, make):
    judgement = replace(
        small_run.judgement,
        losses={"gru": math.inf, "lstm": 0.5},
        leaderboard={"gru": make.scores(math.nan)},
    )
    write_judgement(tmp_path, judgement)
    back = read_judgement(tmp_path)
    assert back.losses == judgement.losses
    assert math.isnan(back.leaderboard["gru"].mean_mae)


def silent(loss=math.inf):
    """What comes of members that say nothing: no loss, hence no choice; or that say so much."""
    spec = ForecasterSpec(
        cell="gru", widths=(2,), variables=2, target=0, step_seconds=86_400,
        window=WindowSpec(history=10, horizon=3),
    )  # fmt: skip
    losses = HeldLosses(
        origins=np.zeros(1, np.int64), total=np.full(1, loss), known=np.ones(1, np.int64)
    )
    return Assembly(
        blend=nn.Linear(1, 1), weights=BlendWeights.even(spec), loss=loss, losses=losses,
        stacked=0, calibrated=0,
    )  # fmt: skip


def test_no_finite_candidate_is_a_refusal_and_nothing_is_judged(work, settings, monkeypatch, make):
    monkeypatch.setattr(judging, "export_candidate", lambda *_: silent())
    path = work.put("gru", make.graph(spoiled="nan"))
    client = connect(settings)
    parent = client.create_run("0").info.run_id
    with pytest.raises(Diverged, match="no candidate gave a finite forecast") as refusal:
        judge_candidates(settings, work.folder, [path], parent)
    assert refusal.value.code == "DIVERGED"
    assert len(client.search_runs(["0"])) == 1


def test_one_candidate_that_says_nothing_does_not_stop_the_other(work, settings, monkeypatch, make):
    monkeypatch.setattr(
        judging,
        "export_candidate",
        lambda *given: silent(math.inf if given[-1].name == "gru" else 0.5),
    )
    monkeypatch.setattr(judging, "log_plots", lambda *_: None)
    paths = [work.put("gru", make.graph(spoiled="nan")), work.put("lstm", make.graph())]
    for path in paths:
        (path / "history.json").write_text(json.dumps({}))
    parent = connect(settings).create_run("0").info.run_id
    judgement = judge_candidates(settings, work.folder, paths, parent)
    assert judgement.cell == "lstm"
    assert judgement.verdict.promoted
    assert judgement.losses["gru"] == math.inf
    assert math.isnan(judgement.leaderboard["gru"].mean_mae)


def test_a_champion_is_asked_on_the_same_rows(work, settings, make, monkeypatch):
    """What is fetched is the registry's business; here the champion lies in the folder."""
    champion = work.put("champion", make.graph(wrong_by=0.5))
    card = make.card()
    monkeypatch.setattr(judging, "alias_of", lambda *_: 7 if _[2] == CHAMPION else None)
    monkeypatch.setattr(judging, "fetch", lambda *_: champion)
    monkeypatch.setattr(judging, "read_card", lambda _: card)
    trial: Trial = judging.trial_of(settings, work.plan)
    graph = work.put("gru", make.graph(wrong_by=0.2)) / GRAPH
    version, verdict = judging.judge_against_champion(settings, trial, "climate-oslo", graph)
    assert (version, verdict.evidence.champion_version) == (7, 7)
    duel = verdict.evidence.duel
    assert duel.champion.mean_mae == pytest.approx(0.9, abs=0.05)
    assert duel.candidate.mean_mae == pytest.approx(0.66, abs=0.05)
    assert duel.champion.origins == duel.candidate.origins
    itself = judging.judge_against_champion(settings, trial, "climate-oslo", graph, itself=7)
    assert itself[1].evidence.duel is None
