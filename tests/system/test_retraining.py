"""What a retraining leaves, by the real command line: look, promote, explain, forecast."""

import json
import shutil
import subprocess
import sys

import pytest

from forecasting.stores.decisions import read_decisions
from tests.system.conftest import unmeasured

pytestmark = [
    pytest.mark.system,
    # It says so wherever pytest is loaded; the real program has its words in sys.argv.
    pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens:UserWarning"),
]

#: The real verb on one file after the other, in one process: only the imports are slow. Each
#: prints the refusal, and then how it ended.
REFUSED = """
import json, sys
import gatecast
for home, file in json.loads(sys.argv[1]):
    sys.argv = ["gatecast", "--home", home, "retrain", "delhi", "--csv", file, "--json"]
    try:
        gatecast.main()
    except SystemExit as end:
        print(json.dumps({"code": end.code}), flush=True)
"""

RIVALS = {"persistence", "climatology", "damped_anomaly_persistence"}


def test_the_flow_says_all_that_it_decided(retrained):
    decision = retrained.decision
    assert decision["model"] == "climate-seattle"
    assert set(decision) >= {"run_id", "version", "promoted", "verdict", "metrics", "seconds"}
    assert len(decision["metrics"]["mae_by_lead"]) == 7
    assert set(decision["metrics"]["rivals"]) >= RIVALS
    for rival in decision["metrics"]["rivals"].values():
        assert len(rival["mae_by_lead"]) == 7


def test_a_promoted_version_beats_two_rivals_by_more_than_luck_and_loses_to_none(retrained):
    decision = retrained.decision
    metrics, verdict = decision["metrics"], decision["verdict"]
    assert decision["promoted"] == all(check["passed"] for check in verdict["checks"])
    if decision["promoted"]:
        for name in ("persistence", "climatology"):
            assert verdict["comparisons"][name]["over_horizon"]["p_better"] <= 0.05
            theirs = metrics["rivals"][name]["mae_by_lead"]
            pairs = zip(metrics["mae_by_lead"], theirs, strict=True)
            assert all(mine <= 1.02 * rivals for mine, rivals in pairs)
        best = min(rival["mean_mae"] for rival in metrics["rivals"].values())
        assert metrics["mean_mae"] <= 1.02 * best
    assert 0 <= metrics["skill_horizon"] <= 7


def test_the_decision_is_left_with_its_evidence_where_the_page_reads_it(retrained):
    said = retrained.decision

    kept = read_decisions(retrained.run.home, "climate-seattle")[-1]

    assert (kept.run_id, kept.version) == (said["run_id"], said["version"])
    assert kept.sentence == said["verdict"]["sentence"]
    assert list(kept.candidate.mae_by_lead) == said["metrics"]["mae_by_lead"]
    assert set(kept.rivals) == set(said["metrics"]["rivals"])
    assert kept.preset == "quick"


def test_everything_is_written_under_the_home_folder(retrained):
    left = {path.name for path in retrained.run.home.parent.iterdir()}
    assert left == {"home"}
    assert {"raw", "admitted", "mlflow", "prefect", "stations"} <= {
        path.name for path in retrained.run.home.iterdir()
    }


def test_the_registry_shows_versions_aliases_and_the_verdict(retrained):
    listed = retrained.run("models", "list", "--json").json()["versions"]
    shown = retrained.run("models", "show", "climate-seattle/1", "--json").json()
    assert [version["model"] for version in listed] == ["climate-seattle"]
    assert shown["aliases"] == listed[0]["aliases"]
    assert "| persistence |" in shown["description"]
    assert shown["tags"]["verdict"].startswith(("Promoted", "Refused"))
    assert shown["tags"]["verdict"] == shown["verdict"]["sentence"]
    assert str(shown["verdict"]["skill_horizon"]) == shown["tags"]["skill_horizon"]


def test_models_show_says_what_a_person_reads(retrained):
    said = retrained.run.inside("models", "show", "climate-seattle/1")
    assert said.code == 0
    assert "Checks of the gate" in said.out


def test_promote_runs_the_gate_again_and_a_champion_passes_it(retrained):
    said = retrained.run("models", "promote", "climate-seattle@champion", "--json")
    assert said.code == 0, said.err
    assert said.json()["promoted"] is True


def test_promote_has_no_force_flag(retrained):
    said = retrained.run.inside("models", "promote", "climate-seattle/1", "--force")
    assert said.code == 2


def test_promote_refuses_a_version_that_does_not_exist(retrained):
    said = retrained.run.inside("models", "promote", "climate-seattle/99", "--json")
    assert said.code == 1
    assert json.loads(said.out)["error"]["code"] == "VERSION_UNKNOWN"
    assert "Traceback" not in said.err


def test_rollback_without_a_previous_champion_is_refused(retrained):
    said = retrained.run("models", "rollback", "seattle")
    assert said.code == 1
    assert "NO_CHAMPION" in said.err


def test_forecast_without_a_server_begins_after_the_last_admitted_day(retrained):
    answer = retrained.run("forecast", "seattle", "--days", "3", "--json").json()
    assert answer["origin"] == "2015-12-31"
    assert answer["daily"]["time"] == ["2016-01-01", "2016-01-02", "2016-01-03"]
    assert answer["daily_units"]["temperature_2m_mean"] == "°C"


def test_explain_says_what_the_gates_did_and_what_the_forecast_was_made_from(retrained, tmp_path):
    out = tmp_path / "why.png"
    said = retrained.run("explain", "climate-seattle/1", "--out", out, "--json")
    assert said.code == 0, said.err
    explained = said.json()
    assert explained["origin"] == "2015-12-31"
    assert len(explained["time"]) == 60
    assert set(explained["gradient_norms"]) == {"rnn", "irnn", "lstm", "gru"}
    assert abs(explained["attribution"]["residue"]) < 0.05
    assert out.read_bytes().startswith(b"\x89PNG")


def test_explain_refuses_a_day_without_a_whole_history_and_a_day_that_is_none(retrained):
    said = retrained.run.inside("explain", "climate-seattle/1", "--date", "2012-01-05", "--json")
    assert said.code == 1
    assert said.json()["error"]["code"] == "WINDOW_INVALID"
    assert retrained.run.inside("explain", "seattle", "--date", "2012-13-05").code == 2


def test_a_champions_explanation_is_logged_with_its_run(retrained):
    decision = retrained.decision
    logged = list((retrained.run.home / "mlflow").rglob(f"{decision['run_id']}/**/explanation.*"))
    assert {path.name for path in logged} == (
        {"explanation.json", "explanation.png"} if decision["promoted"] else set()
    )


def test_a_changed_byte_of_the_champion_stops_the_forecast(retrained, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(retrained.run.home, home)
    graph = next((home / "published" / "climate-seattle").glob("1-*/model.onnx"))
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    said = type(retrained.run)(home=home)("forecast", "seattle", "--json")
    assert said.code == 1
    assert said.json()["error"]["code"] == "MANIFEST_MISMATCH"


def test_a_version_loads_with_plain_mlflow_where_torch_is_blocked(retrained):
    script = f"""
import sys
sys.modules["torch"] = None
import mlflow, numpy as np
mlflow.set_tracking_uri("sqlite:///{retrained.run.home}/mlflow/mlflow.db")
mlflow.set_registry_uri("sqlite:///{retrained.run.home}/mlflow/mlflow.db")
model = mlflow.pyfunc.load_model("models:/climate-seattle/1")
feeds = {{"history": np.full((3, 60, 5), np.nan, np.float32), "origin": np.zeros(3, np.int64)}}
feeds["history"][:, :, 0] = 9.0
print(model.predict(feeds)["quantiles"].shape)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=retrained.run.home,
    )
    assert done.stdout.strip().endswith("(3, 7, 9)"), done.stderr


@pytest.fixture(scope="module")
def refused(tmp_path_factory, shared_prefect):
    """What is said of a CSV that is too short and of one without the columns; their homes."""
    folder = tmp_path_factory.mktemp("refused")
    rows = "\n".join(
        f"2020-01-{day:02},{10 + day % 7},{60 + day % 11},{3 + day % 5},{1010 + day % 6}"
        for day in range(1, 31)
    )
    written = {
        "short": f"date,meantemp,humidity,wind_speed,meanpressure\n{rows}\n",
        "wrong": "date,temp\n2020-01-01,5\n",
    }
    runs = []
    for name, content in written.items():
        (folder / f"{name}.csv").write_text(content)
        runs.append([str(folder / name), str(folder / f"{name}.csv")])
    done = subprocess.run(
        [sys.executable, "-c", REFUSED, json.dumps(runs)],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        cwd=folder,
        env={**unmeasured(), **shared_prefect, "PREFECT_HOME": str(folder / "prefect")},
    )
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {
        name: (code["code"], error["error"], folder / name)
        for name, error, code in zip(written, said[::2], said[1::2], strict=True)
    }


def test_a_csv_of_fewer_rows_than_a_window_is_too_short(refused):
    code, error, _ = refused["short"]
    assert code == 1
    assert error["code"] == "SERIES_TOO_SHORT"
    assert (error["expected"], error["found"]) == ("at least 67 steps", "30")


def test_refused_data_names_the_report_and_leaves_no_champion(refused):
    code, error, home = refused["wrong"]
    assert code == 1
    assert error["code"] == "SOURCE_FORMAT"
    assert not (home / "published").exists()
    assert not (home / "stations").exists()


def test_a_wrong_call_ends_with_two(gatecast):
    assert gatecast.inside("retrain", "seattle", "--preset", "perfect").code == 2
    assert gatecast("no-such-verb").code == 2


def test_an_unknown_dataset_names_the_known_ones(gatecast):
    said = gatecast.inside("retrain", "atlantis", "--json")
    assert said.code == 1
    assert said.json()["error"]["code"] == "DATASET_UNKNOWN"
    assert "delhi, seattle" in said.err


def test_a_start_is_refused_where_pickle_was_switched_on(gatecast):
    said = gatecast("models", "list", MLFLOW_ALLOW_PICKLE_DESERIALIZATION="true")
    assert said.code == 1
    assert "PICKLE_ENABLED" in said.err
