"""A tiny candidate, trained and registered as by the flow, and trained again from its records."""

import json
import shutil
from contextlib import redirect_stdout
from dataclasses import asdict, replace
from io import StringIO
from types import SimpleNamespace

import pytest

from forecasting.climate.recipe import RECIPES
from forecasting.climate.refit import RefitVerdict
from forecasting.errors import ManifestMismatch
from forecasting.settings import Settings
from forecasting.stores.files import write_json
from forecasting.stores.published import GRAPH
from forecasting.stores.registry.versions import connect, resolve
from pipelines import fitting, judging, refitting, retraining, tracking
from pipelines.commands.reproduce import reproduce as verb
from pipelines.inputs import logged_inputs
from pipelines.judging import Judgement, judge_against_champion, trial_of
from pipelines.promotion import publish_candidate
from pipelines.recording import log_judgement
from pipelines.reproducing import ReproductionImpossible, reproduce
from tests.pipelines.conftest import make_work, tiny_quick


def train(settings, folder, cell, _watch):
    """Do as `fit_beside` does, in this process."""
    with redirect_stdout(StringIO()):
        assert fitting.main([str(settings.root), str(folder), cell]) == 0
    return folder / cell


@pytest.fixture(scope="module")
def trained(store, tmp_path_factory):
    """A home with a tiny candidate as version 1, trained on all rows as well as version 2."""
    home = tmp_path_factory.mktemp("trained") / "home"
    shutil.copytree(store, home)
    with tiny_quick():
        work = make_work(Settings(home=home))
        path = train(work.settings, work.folder, "gru", None)
        assembly = judging.export_candidate(work.settings, work.plan, path)
        client = connect(work.settings)
        _, verdict = judge_against_champion(
            work.settings, trial_of(work.settings, work.plan), "climate-oslo", path / GRAPH
        )
        run = tracking.start_run(
            client, tracking.experiment_of(client, work.settings, "climate-oslo"), "retrain"
        )
        judgement = Judgement(
            cell="gru",
            verdict=replace(verdict, promoted=True),
            losses={"gru": 0.1},
            blend=assembly.to_json(),
            leaderboard={"gru": verdict.evidence.candidate},
            runs={"gru": run},
            parameters=12,
            champion=None,
        )
        judging.write_judgement(work.folder, judgement)
        log_judgement(work.settings, run, work.folder, judgement)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(refitting, "fit_beside", train)
            refitting._fit(work.settings, work.folder, "gru", print)
        accepted = RefitVerdict(accepted=True, sentence="near it")
        write_json(work.folder / refitting.OUTCOME, asdict(accepted))
        assert publish_candidate(work.settings, work.folder, judgement, run) == 2
    return SimpleNamespace(settings=work.settings, series=work.series, client=client, run=run)


@pytest.fixture
def again(trained, tmp_path, monkeypatch):
    """Train the version again, in this process; returns what came of it."""
    monkeypatch.setattr(retraining, "fit_beside", train)

    def run(number=1):
        version = resolve(trained.client, f"climate-oslo/{number}")
        return reproduce(trained.settings, trained.client, version, tmp_path / "scratch", print)

    with tiny_quick():
        yield run


@pytest.fixture
def recorded(trained):
    """Change what the run says it was trained from, and put it right again at the end."""
    version = resolve(trained.client, "climate-oslo/1")
    kept = logged_inputs(trained.client, version)

    def change(**changes):
        trained.client.log_dict(trained.run, kept | changes, "environment.json")
        return kept

    yield change
    trained.client.log_dict(trained.run, kept, "environment.json")


def contents(root):
    """Every file of a home but locks and the database, by its time of change."""
    kept = [path for path in root.rglob("*") if path.is_file() and ".db" not in path.name]
    return {path: path.stat().st_mtime_ns for path in kept if "locks" not in path.parts}


@pytest.mark.parametrize("number", [pytest.param(1, id="judged"), pytest.param(2, id="refit")])
def test_the_same_inputs_give_the_same_bytes_and_nothing_in_the_home_is_written(
    trained, again, number
):
    before, versions = contents(trained.settings.root), trained.client.search_model_versions()

    result = again(number)

    assert result.same, result.sentence
    assert result.sentence.startswith(f"Same: all {result.alikeness.tensors} tensors have the same")
    assert (result.alikeness.same_file, result.alikeness.outputs) == (True, 0.0)
    assert [each.name for each in result.inputs if each.differs] == []
    assert contents(trained.settings.root) == before
    assert len(trained.client.search_model_versions()) == len(versions) == 2


def test_a_version_says_in_tags_and_in_its_run_what_it_was_trained_with(trained):
    tags = trained.client.get_model_version("climate-oslo", "1").tags
    kept = logged_inputs(trained.client, resolve(trained.client, "climate-oslo/1"))

    assert len(tags["lock_sha256"]) == 64
    assert tags["library.torch"] == kept["environment"]["library"]["torch"]
    assert tags["processor.threads"] == "1"
    assert tags["processor.instructions"]
    assert (kept["plan"]["data_sha256"], kept["plan"]["seed"]) == (trained.series.sha256, 1)
    assert kept["recipe"]["widths"] == [4]


def test_another_seed_gives_other_weights_and_the_numbers_are_said(again, recorded):
    plan = recorded()["plan"]
    recorded(plan={**plan, "seed": 2})

    result = again()

    assert not result.same
    assert len(result.alikeness.differing) > 0
    assert result.alikeness.largest > 0
    assert result.alikeness.outputs > 1e-4
    assert "Every recorded input is as it was." in result.sentence


def test_other_libraries_or_another_lock_file_are_named_with_both_values(again, recorded):
    environment = recorded()["environment"]
    library = {**environment["library"], "torch": "1.0.0"}
    recorded(environment={**environment, "lock_sha256": "0" * 64, "library": library})

    result = again()

    assert result.same
    assert {each.name for each in result.inputs if each.differs} == {"lock_sha256", "library.torch"}
    assert f"Other than recorded: lock_sha256 (recorded {'0' * 64}, now " in result.sentence
    assert "library.torch (recorded 1.0.0, now " in result.sentence


def test_a_preset_that_means_another_recipe_now_is_not_trained(again, recorded, monkeypatch):
    recorded()
    monkeypatch.setitem(RECIPES, "quick", replace(RECIPES["quick"], widths=(8,)))

    result = again()

    assert (result.same, result.alikeness) == (False, None)
    assert "not trained, for want of the same recipe.widths" in result.sentence
    assert "recipe.widths (recorded [4], now [8])" in result.sentence


def test_a_preset_that_is_no_more_is_not_trained(again, monkeypatch):
    monkeypatch.delitem(RECIPES, "quick")

    assert "recipe (recorded quick, now no such preset)" in again().sentence


def test_data_that_are_gone_are_named_and_nothing_is_trained(trained, again):
    verdict = trained.settings.root / "admitted" / trained.series.sha256 / "verdict.json"
    away = verdict.rename(verdict.with_name("away"))
    try:
        result = again()
    finally:
        away.rename(verdict)

    assert (result.same, result.alikeness) == (False, None)
    assert f"data_sha256 (recorded {trained.series.sha256}, now DATA_UNCHECKED" in result.sentence


def test_an_older_version_is_trained_again_and_says_what_it_did_not_record(
    trained, again, recorded, monkeypatch
):
    recorded()
    real = trained.client.list_artifacts
    monkeypatch.setattr(
        type(trained.client), "list_artifacts",
        lambda _, run_id: [file for file in real(run_id) if file.path != "environment.json"],
    )  # fmt: skip

    result = again()

    assert result.same
    known = {each.name: each.recorded for each in result.inputs}
    assert len(known["lock_sha256"]) == 64
    assert known["recipe"] == known["processor.model"] == known["library.onnx"] == "not recorded"
    assert "Not recorded: recipe, " in result.sentence


@pytest.mark.usefixtures("known")
def test_a_version_without_a_plan_is_refused(version, settings, tmp_path):
    with pytest.raises(ReproductionImpossible, match="does not say what it was trained from"):
        reproduce(settings, connect(settings), version(), tmp_path / "scratch", print)


def test_a_version_whose_own_files_were_changed_is_refused(trained, again):
    graphs = (trained.settings.root / "mlflow" / "artifacts").rglob(GRAPH)
    graph = min(graphs, key=lambda path: path.stat().st_mtime_ns)  # that of version 1
    whole = graph.read_bytes()
    graph.write_bytes(whole[:-1] + b"x")
    try:
        with pytest.raises(ManifestMismatch):
            again()
    finally:
        graph.write_bytes(whole)


@pytest.mark.usefixtures("again")
def test_the_verb_prints_the_result_and_ends_with_0_or_1(
    trained, recorded, own_environment, capsys
):
    own_environment["GATECAST_HOME"] = str(trained.settings.root)
    assert verb("climate-oslo/1") == 0
    out = capsys.readouterr().out
    assert "climate-oslo/1: inputs" in out
    assert "Same: all" in out
    recorded(plan={**recorded()["plan"], "seed": 2})
    assert verb("climate-oslo/1", json=True) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["same"], said["version"]) == (False, "climate-oslo/1")
    assert said["weights"]["largest"] > 0
