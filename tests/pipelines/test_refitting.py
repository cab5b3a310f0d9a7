import json
from dataclasses import replace
from pathlib import Path

import pytest

from forecasting.climate.export import GraphForecaster
from forecasting.climate.windows import Blocks
from forecasting.stores.published import GRAPH, read_card, read_pointer, version_folder
from forecasting.stores.registry.aliases import CHALLENGER, ChampionMoved, alias_of, read_log
from forecasting.stores.registry.versions import connect, resolve
from pipelines import fitting, promotion, refitting, tracking
from pipelines.judging import Judgement, judge_against_champion, trial_of
from pipelines.promotion import decide, publish_candidate
from pipelines.refitting import plan_of_refit, promoted_files, read_refit, refit_candidate
from pipelines.workspace import open_workspace, read_plan

MODEL = "climate-oslo"


@pytest.fixture
def asked(work):
    """A plan that asks for a refit, in a folder of its own."""
    plan = replace(work.plan, refit=True)
    return replace(work, plan=plan, folder=open_workspace(work.settings.root, plan))


@pytest.fixture
def judged(asked, make):
    """Judge a hand-made graph as the flow would; returns the judgement and its run."""

    def judge(**changes):
        client = connect(asked.settings)
        path = asked.put("gru", make.graph(**changes))
        champion, verdict = judge_against_champion(
            asked.settings, trial_of(asked.settings, asked.plan), MODEL, path / GRAPH
        )
        experiment = tracking.experiment_of(client, asked.settings, MODEL)
        judgement = Judgement(
            cell="gru",
            verdict=verdict,
            losses={"gru": 0.1},
            blend={
                "columns": [], "near": [], "far": [],
                "stacked_origins": 300, "calibrated_origins": 150,
            },
            leaderboard={"gru": verdict.evidence.candidate},
            runs={},
            parameters=12,
            champion=champion,
        )  # fmt: skip
        return judgement, client.create_run(experiment).info.run_id

    return judge


@pytest.fixture
def refitted(asked, make, monkeypatch):
    """Let a hand-made graph be what a training on all rows comes to; returns what came of it."""

    def run(judgement, run_id, **changes):
        path = asked.put("refit/gru", make.graph(**changes))
        monkeypatch.setattr(refitting, "_fit", lambda *_: path)
        return refit_candidate(asked.settings, asked.folder, judgement, run_id, print)

    return run


def promoted(asked, judgement, run_id):
    version = publish_candidate(asked.settings, asked.folder, judgement, run_id)
    return decide(asked.settings, asked.folder, judgement, version)


def test_an_accepted_refit_is_promoted_and_says_what_judged_it(asked, judged, refitted):
    judgement, run_id = judged()
    assert refitted(judgement, run_id, wrong_by=0.01).accepted
    decision = promoted(asked, judgement, run_id)
    assert (decision.promoted, decision.version) == (True, 2)
    pointer = read_pointer(asked.settings.root, MODEL)
    card = read_card(version_folder(asked.settings.root, pointer))
    assert (pointer.version, card.refit, card.judged_version) == (2, True, 1)
    assert card.trained_through == asked.series.end.date().isoformat()
    graph = version_folder(asked.settings.root, pointer) / GRAPH
    assert graph.read_bytes() == (asked.folder / "refit" / "gru" / GRAPH).read_bytes()
    [line] = read_log(asked.settings.root)
    assert "takes the judged version's place" in line["why"]


def test_both_versions_say_in_tags_and_description_which_is_the_refit(asked, judged, refitted):
    judgement, run_id = judged()
    refitted(judgement, run_id)
    promotion.tag_decision(connect(asked.settings), promoted(asked, judgement, run_id))
    twin, refit = (resolve(connect(asked.settings), f"{MODEL}/{number}") for number in (1, 2))
    assert refit.tags.items() >= {
        "refit": "true", "judged_version": "1", "judged_run": run_id, "promoted": "true",
    }.items()  # fmt: skip
    assert refit.tags["trained_through"] == asked.series.end.date().isoformat()
    assert refit.description.startswith("# Refit: true\n")
    assert "by the recipe of version 1" in refit.description
    assert twin.tags.items() >= {"refit": "false", "promoted": "false"}.items()
    assert "This is the version that the gate judged. Its refit, the next" in twin.description
    judged_as = judgement.verdict.sentence.replace("Promoted: ", "Judged: ", 1)
    assert judged_as.startswith("Judged: ")
    assert twin.tags["verdict"] == judged_as
    assert judged_as in twin.description
    for said in (twin.description, *twin.tags.values()):
        assert "Promoted" not in said
    assert judgement.verdict.sentence in refit.description


def test_a_refused_refit_leaves_the_judged_version_champion_and_it_says_why(
    asked, judged, refitted
):
    judgement, run_id = judged()
    assert not refitted(judgement, run_id, wrong_by=0.4).accepted
    decision = promoted(asked, judgement, run_id)
    assert (decision.promoted, decision.version) == (True, 1)
    version = resolve(connect(asked.settings), f"{MODEL}/1")
    assert version.tags["refit"] == "false"
    assert "The refit on all rows was refused: not near" in version.description
    assert promoted_files(asked.folder, judgement) == asked.folder / "gru"
    run = connect(asked.settings).get_run(run_id)
    assert run.data.tags["refit"] == read_refit(asked.folder).sentence


def test_a_refit_that_cannot_be_trained_is_a_refused_one(asked, judged, monkeypatch):
    def fail(*_):
        raise fitting.FittingFailed("candidate gru was not trained", found="exit -9")

    judgement, run_id = judged()
    monkeypatch.setattr(refitting, "fit_beside", fail)
    verdict = refit_candidate(asked.settings, asked.folder, judgement, run_id, print)
    assert not verdict.accepted
    assert "FITTING_FAILED" in verdict.sentence
    assert promoted(asked, judgement, run_id).version == 1


def test_nothing_is_refitted_unasked_or_for_a_refused_candidate(asked, judged, work):
    judgement, run_id = judged()
    assert refit_candidate(work.settings, work.folder, judgement, run_id, print) is None
    refused, run_id = judged(wrong_by=9.0)
    assert refit_candidate(asked.settings, asked.folder, refused, run_id, print) is None
    assert read_refit(asked.folder) is None


@pytest.mark.usefixtures("tiny_recipe")
def test_the_recipe_is_trained_on_every_row_and_compared(asked, judged, monkeypatch):
    def beside(settings, folder, cell, _):
        assert fitting.main([str(settings.root), str(folder), cell]) == 0
        return folder / cell

    monkeypatch.setattr(refitting, "fit_beside", beside)
    judgement, run_id = judged()
    verdict = refit_candidate(asked.settings, asked.folder, judgement, run_id, print)
    rows = len(asked.series)
    assert read_plan(asked.folder / "refit").blocks == Blocks(train=rows, gate=rows)
    assert not verdict.accepted  # two members of a few weights are no match for the exact graph
    assert read_refit(asked.folder) == verdict
    trial = trial_of(asked.settings, asked.plan)
    forecast = GraphForecaster(asked.folder / "refit" / "gru" / GRAPH).at(trial.gate)
    assert f"{trial.score(trial.gate, forecast).mean_mae:.4f}" == verdict.checks[1].found


def test_the_refit_of_a_run_that_was_killed_does_not_stand_for_a_refused_candidate(
    asked, judged, refitted
):
    judgement, run_id = judged()
    assert refitted(judgement, run_id).accepted
    refused, run_id = judged(wrong_by=9.0)
    assert refitted(refused, run_id) is None
    assert promoted_files(asked.folder, refused) == asked.folder / "gru"


def test_the_plan_of_a_refit_has_every_row_in_its_train_block(asked):
    plan = plan_of_refit(asked.settings, asked.plan)
    rows = len(asked.series)
    assert plan.blocks == Blocks(train=rows, gate=rows)
    assert not plan.refit


def test_the_judged_version_answers_for_a_refit_that_has_seen_the_gates_rows(
    asked, judged, refitted
):
    judgement, run_id = judged(wrong_by=0.2)
    refitted(judgement, run_id, wrong_by=0.2)
    promoted(asked, judgement, run_id)
    better, _ = judged()
    duel = better.verdict.evidence.duel
    assert (better.champion, duel.stand_in) == (2, 1)
    assert duel.champion == judgement.verdict.evidence.candidate
    assert duel.newer_by_days == 0
    check = next(each for each in better.verdict.checks if "champion, version 2" in each.name)
    assert check.passed
    assert check.found.endswith("version 1 stood in for it")


def test_a_refit_whose_judged_version_was_deleted_waits_for_new_rows(asked, judged, refitted):
    judgement, run_id = judged(wrong_by=0.2)
    refitted(judgement, run_id, wrong_by=0.2)
    promoted(asked, judgement, run_id)
    connect(asked.settings).delete_model_version(MODEL, "1")
    better, _ = judged()
    assert better.verdict.evidence.duel is None
    assert not better.verdict.promoted


def test_of_a_refit_that_is_outrun_the_judged_version_becomes_challenger(
    asked, judged, refitted, monkeypatch
):
    def moved(*_):
        raise ChampionMoved("the champion has changed", expected="1", found="2")

    judgement, run_id = judged()
    refitted(judgement, run_id)
    monkeypatch.setattr(promotion, "settle", moved)
    decision = promoted(asked, judgement, run_id)
    assert (decision.promoted, decision.version) == (False, 1)
    assert alias_of(connect(asked.settings), MODEL, CHALLENGER) == 1
    twin = resolve(connect(asked.settings), f"{MODEL}/1").description
    assert decision.verdict.sentence in twin
    assert "Judged: " not in twin


def test_under_two_pairs_of_eyes_the_refit_is_what_is_proposed(asked, judged, refitted):
    strict = asked.settings.model_copy(update={"two_pairs_of_eyes": True})
    judgement, run_id = judged()
    refitted(judgement, run_id)

    decision = promoted(replace(asked, settings=strict), judgement, run_id)

    assert (decision.outcome, decision.version) == ("proposed", 2)
    assert alias_of(connect(asked.settings), MODEL, CHALLENGER) == 2
    assert read_log(asked.settings.root) == []


def test_what_came_of_a_refit_is_kept_with_the_run(asked, judged, refitted, tmp_path):
    judgement, run_id = judged()
    verdict = refitted(judgement, run_id)
    client = connect(asked.settings)
    path = client.download_artifacts(run_id, "refit.json", str(tmp_path))
    assert json.loads(Path(path).read_bytes())["sentence"] == verdict.sentence
