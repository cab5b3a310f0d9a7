"""The lecture's model by the real flow, honest and as lectured; two epochs tell as much as 100."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from forecasting.settings import Settings
from forecasting.stores.liveness import claims
from forecasting.stores.registry.versions import connect, list_models, resolve
from tests.system.conftest import unmeasured

pytestmark = pytest.mark.system

#: One process for all three runs: only the imports are slow. Each prints one JSON object.
RUN = """
import json, sys
import pipelines.lecture
import gatecast
pipelines.lecture.EPOCHS = 2
home, runs = sys.argv[1], json.loads(sys.argv[2])
for words in runs:
    sys.argv = ["gatecast", "--home", home, "retrain", *words, "--preset", "lecture", "--json"]
    try:
        gatecast.main()
    except SystemExit as end:
        if end.code:
            raise
"""


@pytest.fixture(scope="module")
def lectures(tmp_path_factory, request, shared_prefect):
    """Run Seattle, and Delhi both ways where its file is at hand; the reports by name."""
    home = tmp_path_factory.mktemp("lecture") / "home"
    delhi = request.config.rootpath.parent / "shared" / "data" / "DailyDelhiClimateTrain.csv"
    runs = {"seattle": ["seattle"]}
    if delhi.is_file():
        runs["delhi"] = ["delhi", "--csv", str(delhi)]
        runs["as lectured"] = [*runs["delhi"], "--as-lectured"]
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(home), json.dumps(list(runs.values()))],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        cwd=home.parent,
        env={
            **unmeasured(),
            **shared_prefect,
            "GATECAST_HOME": str(home),
            # The command line sets these before it imports Prefect; here the script imports first.
            "PREFECT_HOME": str(home / "prefect"),
        },
    )
    assert done.returncode == 0, done.stderr
    decoder, text, reports = json.JSONDecoder(), done.stdout.strip(), {}
    for name in runs:
        reports[name], end = decoder.raw_decode(text)
        text = text[end:].strip()
    assert text == ""
    return SimpleNamespace(home=home, reports=reports)


@pytest.fixture(scope="module")
def client(lectures):
    return connect(Settings(home=lectures.home))


@pytest.fixture
def delhi(lectures):
    """The two reports on Delhi: honest, and as lectured."""
    if "delhi" not in lectures.reports:
        pytest.skip("../shared/data/DailyDelhiClimateTrain.csv is not beside this clone")
    return lectures.reports["delhi"], lectures.reports["as lectured"]


def test_the_lectures_shapes_and_parameters_on_delhi(delhi):
    honest, lectured = delhi
    assert honest["parameters"] == lectured["parameters"] == 42_465
    assert [row[2] for row in honest["layers"]] == [10_400, 29_440, 2_080, 528, 17]
    assert honest["train_shapes"] == [[1036, 60, 1], [1036, 1]]
    assert lectured["train_shapes"] == [[1402, 60, 1], [1402, 1]]
    assert honest["test_shapes"] == lectured["test_shapes"] == [[366, 60, 1], [366, 1]]


def test_only_the_report_as_lectured_says_that_it_leaks(delhi):
    honest, lectured = delhi
    assert "only the rows before the test quarter" in honest["verdict"]
    assert lectured["verdict"].startswith("This leaks: scaler and training have seen the rows")
    assert (honest["as_lectured"], lectured["as_lectured"]) == (False, True)


def test_persistence_on_delhi_is_what_was_measured_elsewhere(delhi):
    for report in delhi:
        assert report["metrics"]["persistence_mae"] == pytest.approx(1.239, abs=0.001)
        assert report["metrics"]["persistence_rmse"] == pytest.approx(1.660, abs=0.001)


def test_every_report_has_its_errors_and_is_never_promoted(lectures):
    for report in lectures.reports.values():
        assert 0 < report["metrics"]["mae"] <= report["metrics"]["rmse"] < 30
        assert report["promoted"] is False
        assert report["parameters"] == 42_465
    seattle = lectures.reports["seattle"]
    assert seattle["train_shapes"] == [[1035, 60, 1], [1035, 1]]
    assert seattle["test_shapes"] == [[366, 60, 1], [366, 1]]


def test_the_model_is_registered_apart_without_any_alias_and_never_published(lectures, client):
    stations = {name: report["model"] for name, report in lectures.reports.items()}
    assert stations["seattle"] == "climate-seattle-lecture"
    assert list_models(client) == sorted(set(stations.values()))
    for report in lectures.reports.values():
        version = resolve(client, f"{report['model']}/{report['version']}")
        assert version.aliases == ()
        assert report["verdict"] in version.description
        assert version.tags["as_lectured"] == str(report["as_lectured"])
        assert (
            version.tags["data_sha256"] == client.get_run(report["run_id"]).data.tags["data_sha256"]
        )
    assert not (lectures.home / "published").exists()
    assert not (lectures.home / "promotions.jsonl").exists()


def test_each_flow_stood_behind_its_run_with_a_record(lectures):
    runs = {claim.flow_run for claim in claims(lectures.home)}
    assert len(runs) == len(lectures.reports)
    assert "" not in runs


def test_loss_table_and_plot_are_on_the_run(lectures, client, tmp_path):
    for report in lectures.reports.values():
        run = client.get_run(report["run_id"])
        assert run.info.status == "FINISHED"
        assert len(client.get_metric_history(report["run_id"], "loss")) == 2
        table = client.download_artifacts(report["run_id"], "predictions.json", str(tmp_path))
        with open(table, encoding="utf-8") as file:  # noqa: PTH123 - a path of MLflow's
            content = json.load(file)
        assert content["columns"] == ["date", "predicted", "actual"]
        assert len(content["data"]) == 366
        plots = client.list_artifacts(report["run_id"], "plots")
        assert [plot.path for plot in plots] == ["plots/predictions.png"]


def test_the_metrics_of_the_report_can_be_read_from_its_run(lectures, client):
    for report in lectures.reports.values():
        logged = client.get_run(report["run_id"]).data.metrics
        for name, value in report["metrics"].items():
            assert logged[f"test/{name}"] == value
