import json
import math
from dataclasses import replace

import pytest

from data_checks.verdict import Reason
from forecasting.climate.gate import judge
from forecasting.errors import DataRefused, TrackingUnavailable
from forecasting.stores.registry.versions import connect
from pipelines import recording
from pipelines.deciding import Decision


def strict(content):
    """Write JSON as the command line does: NaN is an error."""
    return json.loads(json.dumps(content, allow_nan=False))


def test_a_retraining_that_ends_well_closes_its_run(small_run):
    run = connect(small_run.work.settings).get_run(small_run.run)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"preset": "quick", "seed": "1", "station": "oslo"}
    assert "error" not in run.data.tags


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DataRefused("too many gaps", expected="20 %", found="60 %"), "DataRefused: too many gaps"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_a_failure_closes_the_run_as_failed_and_says_why(settings, error, said):
    with (
        pytest.raises(type(error)),
        recording.parent_run(settings, "oslo", "quick", seed=1) as run_id,
    ):
        raise error
    run = connect(settings).get_run(run_id)
    assert run.info.status == "FAILED"
    assert run.data.tags["error"].startswith(said)


def test_a_store_that_cannot_be_read_stops_a_retraining_before_it_begins(settings):
    (settings.root / "mlflow" / "mlflow.db").write_bytes(b"no database at all" * 100)
    with (
        pytest.raises(TrackingUnavailable) as failure,
        recording.parent_run(settings, "oslo", "quick", seed=1),
    ):
        pytest.fail("the work must not begin")
    assert failure.value.code == "TRACKING_UNAVAILABLE"


def test_the_data_verdict_and_its_report_are_on_the_run(small_run):
    client = connect(small_run.work.settings)
    run = client.get_run(small_run.run)
    assert run.data.tags["data_verdict"] == "accepted"
    assert run.data.tags["data_sha256"] == small_run.work.series.sha256
    assert run.data.tags["files_sha256"] == "f" * 64
    assert run.data.tags["data_report"].startswith("file:///")
    assert run.data.metrics["data/accepted"] == len(small_run.work.series)
    assert [file.path for file in client.list_artifacts(small_run.run, "data")] == [
        "data/oslo.html"
    ]


def test_the_errors_of_candidate_and_rivals_and_the_decision_are_on_the_run(small_run):
    run = connect(small_run.work.settings).get_run(small_run.run)
    evidence = small_run.decision.verdict.evidence
    assert run.data.metrics["gate/mae/lead_1"] == evidence.candidate.mae_by_lead[0]
    for name, scores in evidence.rivals.items():
        assert run.data.metrics[f"rival.{name}/mae/lead_1"] == scores.mae_by_lead[0]
        assert f"skill/{name}" in run.data.metrics
    assert run.data.tags["chosen_cell"] == small_run.judgement.cell
    assert run.data.tags["promoted"] == str(small_run.decision.promoted).lower()
    assert run.data.tags["verdict"] == small_run.decision.verdict.sentence


def test_the_whole_judgement_and_the_plan_can_be_read_from_the_run(small_run, tmp_path):
    client = connect(small_run.work.settings)
    for name in ("judgement.json", "plan.json"):
        path = client.download_artifacts(small_run.run, name, str(tmp_path))
        with open(path, "rb") as file:  # noqa: PTH123 - a path of MLflow's
            assert file.read() == (small_run.work.folder / name).read_bytes()


def test_the_whole_verdict_is_on_the_run_as_json(small_run):
    client, verdict = connect(small_run.work.settings), small_run.decision.verdict
    kept = recording.logged_verdict(client, small_run.run)
    assert kept == strict(recording.finite(verdict.to_json()))
    assert set(kept["evidence"]["comparisons"]) == set(verdict.evidence.rivals)
    run = client.get_run(small_run.run)
    assert run.data.metrics["skill_horizon"] == verdict.skill_horizon
    assert run.data.metrics["gate.DJF/crps"] == verdict.evidence.seasons["DJF"].crps
    assert 0 <= run.data.metrics["p_better/persistence"] <= 1


def test_a_run_without_a_verdict_has_none(small_run):
    client = connect(small_run.work.settings)
    child = small_run.judgement.runs[small_run.judgement.cell]
    assert recording.logged_verdict(client, child) is None


def test_data_checks_are_told_as_markdown_with_every_finding(make, tmp_path):
    reason = Reason(
        code="OUT_OF_BOUNDS",
        date="2016-03-28",
        variable="surface_pressure_mean",
        found="7679.3 hPa",
        expected="950 to 1060 hPa",
    )
    admission = replace(
        make.admission(make.series(), tmp_path / "oslo.html"), reasons=(reason,), quarantined=1
    )
    told = recording.data_verdict(admission)
    assert "**accepted**: 460 days accepted, 1 cells or rows quarantined, 0 days missing" in told
    assert (
        "| OUT_OF_BOUNDS | 2016-03-28 | surface_pressure_mean | 7679.3 hPa | 950 to 1060 hPa |"
        in told
    )
    assert told.endswith(f"[Whole report]({(tmp_path / 'oslo.html').as_uri()})")


def test_the_answer_holds_what_the_command_promises(small_run):
    answer = strict(recording.decision_json(small_run.judgement, small_run.decision, "run-7"))
    assert set(answer) == {
        "run_id", "model", "version", "promoted", "proposed", "verdict", "refit", "cell",
        "held_out", "metrics",
    }  # fmt: skip
    assert answer["metrics"]["mae_by_lead"] == list(
        small_run.decision.verdict.evidence.candidate.mae_by_lead
    )
    assert {"persistence", "climatology", "damped_anomaly_persistence"} <= set(
        answer["metrics"]["rivals"]
    )
    assert answer["held_out"] == small_run.judgement.losses
    assert answer["metrics"]["best_rival"] in answer["metrics"]["rivals"]


def test_a_candidate_that_said_nothing_is_null_and_never_nan(make):
    scores = replace(
        make.scores((math.nan, math.nan)), pinball=math.inf, coverage_80_by_lead=(math.nan, 0.8)
    )
    evidence = replace(
        make.evidence(scores, p_values={"persistence": 1.0}),
        selftest=make.sound(finite=False, batch_difference=math.nan),
    )
    verdict = judge(evidence)
    decision = Decision(model="climate-oslo", version=None, promoted=False, verdict=verdict)
    metrics = strict(recording.metrics_json(verdict))
    assert metrics["mae_by_lead"] == [None, None]
    assert metrics["coverage_80_by_lead"] == [None, 0.8]
    assert metrics["pinball"] is None
    assert strict(recording.verdict_json(decision.verdict))["promoted"] is False


def test_leaderboard_and_decision_name_the_best_first(small_run):
    rows = recording.leaderboard(small_run.judgement)
    errors = [row["mean MAE"] for row in rows]
    assert errors == sorted(errors)
    assert {"lstm", "gru", "persistence"} <= {row["model"] for row in rows}
    told = recording.decision_markdown(small_run.judgement, small_run.decision)
    assert told.startswith(small_run.decision.verdict.sentence)
    assert "| check | required | found | passed |" in told
    assert "| rival | difference in the mean |" in told
    assert "| targets in | origins |" in told
    assert "gru (candidate)" in told
