import hashlib
import math
import platform
import shutil
import subprocess
from importlib.metadata import version
from types import SimpleNamespace

import pytest

from forecasting.stores.registry.versions import connect
from pipelines import provenance, tracking


@pytest.fixture
def client(settings):
    return connect(settings)


@pytest.fixture
def run(client, settings):
    return tracking.start_run(
        client, tracking.experiment_of(client, settings, "climate-oslo"), "retrain"
    )


@pytest.fixture(scope="session")
def runs(small_run):
    """The parent run and the candidates' runs by cell, as the store has them."""
    client = connect(small_run.work.settings)
    children = {cell: client.get_run(run) for cell, run in small_run.judgement.runs.items()}
    return client.get_run(small_run.run), children


def test_an_experiment_is_made_once_and_its_artifacts_stay_under_the_home(client, settings):
    first = tracking.experiment_of(client, settings, "climate-oslo")
    assert tracking.experiment_of(client, settings, "climate-oslo") == first
    place = client.get_experiment(first).artifact_location
    assert place.startswith(settings.root.as_uri())


def test_artifacts_stay_under_the_home_where_the_store_is_a_database_elsewhere(settings, tmp_path):
    database = tmp_path / "elsewhere.db"
    shutil.copyfile(settings.root / "mlflow" / "mlflow.db", database)
    elsewhere = settings.model_copy(update={"tracking_uri": f"sqlite:///{database}"})
    client = connect(elsewhere)
    made = client.get_experiment(tracking.experiment_of(client, elsewhere, "climate-oslo"))
    assert made.artifact_location.startswith(settings.root.as_uri())


def test_a_server_says_itself_where_artifacts_go(settings):
    asked = []
    server = settings.model_copy(update={"tracking_uri": "http://mlflow:5000"})
    client = SimpleNamespace(
        get_experiment_by_name=lambda _: None,
        create_experiment=lambda *words: asked.append(words) or 7,
    )
    assert tracking.experiment_of(client, server, "climate-oslo") == "7"
    assert asked == [("climate-oslo", None)]


def test_a_candidate_is_a_child_of_the_retraining(runs):
    parent, children = runs
    assert set(children) == {"lstm", "gru"}
    for child in children.values():
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert child.info.experiment_id == parent.info.experiment_id
        assert child.info.status == parent.info.status == "FINISHED"
    assert "mlflow.parentRunId" not in parent.data.tags


def test_a_run_names_the_code_the_lock_file_and_the_environment(runs):
    parent, children = runs
    lock = hashlib.sha256((provenance.ROOT / "requirements.lock").read_bytes()).hexdigest()
    for run in (parent, *children.values()):
        tags = run.data.tags
        assert tags["lock_sha256"] == lock
        assert tags["python"] == platform.python_version()
        assert tags["library.torch"] == version("torch")
        assert tags["code_version"].startswith(version("gatecast"))


def test_a_candidate_names_its_parameters_its_seeds_and_its_data(runs, small_run):
    _, children = runs
    for cell, child in children.items():
        params = child.data.params
        assert (params["cell"], params["seeds"]) == (cell, "[1000, 1001, 1002, 1003]")
        assert params["training.epochs"] == str(small_run.recipe.training.epochs)
        assert (params["history"], params["horizon"]) == ("10", "1")
        assert params["rows.gate"] == str(len(small_run.work.series))
        assert child.data.tags["data_sha256"] == small_run.work.series.sha256


def test_every_epoch_of_every_member_is_logged(runs, small_run):
    _, children = runs
    client = connect(small_run.work.settings)
    for child in children.values():
        for member in range(small_run.recipe.members):
            for name in ("loss", "score", "norm", "clipped_norm", "learning_rate"):
                history = client.get_metric_history(child.info.run_id, f"member_{member}/{name}")
                assert [point.step for point in history] == [1, 2, 3]
                assert all(math.isfinite(point.value) for point in history)


def test_a_candidate_has_its_four_plots_and_its_errors_by_lead(runs, small_run):
    _, children = runs
    client = connect(small_run.work.settings)
    for cell, child in children.items():
        files = client.list_artifacts(child.info.run_id, "plots")
        assert {file.path for file in files} == {
            f"plots/{name}.png" for name in ("loss", "predictions", "skill_by_lead", "residuals")
        }
        assert all(file.file_size > 5000 for file in files)
        scores = small_run.judgement.leaderboard[cell]
        assert child.data.metrics["gate/mae/lead_1"] == scores.mae_by_lead[0]
        assert child.data.metrics["gate/mean_mae"] == scores.mean_mae
        losses = small_run.judgement.losses
        assert child.data.metrics["gate/held_out_pinball"] == losses[cell]


def test_more_entries_than_one_batch_takes_are_all_logged(client, run):
    tracking.log_series(client, run, {"loss": [1 / step for step in range(1, 1206)]})
    tracking.log_params(client, run, {f"p{number}": number for number in range(205)})
    logged = client.get_run(run).data
    assert len(client.get_metric_history(run, "loss")) == 1205
    assert logged.metrics["loss"] == 1 / 1205
    assert len(logged.params) == 205


def test_a_parameter_longer_than_the_store_takes_is_cut(client, run):
    tracking.log_params(client, run, {"long": "x" * 7000})
    assert client.get_run(run).data.params["long"] == "x" * tracking.PARAM_LENGTH


def test_scores_become_metrics_by_lead_and_what_is_missing_is_left_out():
    scores = {"mae_by_lead": (1.0, 2.0), "mean_mae": 1.5, "pinball": None, "origins": 3}
    assert tracking.flat_metrics(scores, "gate") == {
        "gate/mae/lead_1": 1.0,
        "gate/mae/lead_2": 2.0,
        "gate/mean_mae": 1.5,
        "gate/origins": 3.0,
    }


def test_without_git_or_a_lock_file_the_package_itself_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.code_version() == version("gatecast")
    assert tracking.environment()["lock_sha256"] == "not present"


def test_a_git_that_hangs_does_not_stop_a_run(monkeypatch):
    def hang(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(subprocess, "run", hang)
    assert provenance.code_version() == version("gatecast")
