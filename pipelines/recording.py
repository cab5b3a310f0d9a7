"""Record what the steps did: MLflow runs, Prefect artifacts, and the answer of the command."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data_checks.verdict import Admission
from forecasting.climate.backtest import Scores, skill
from forecasting.climate.gate import Verdict, best_rival
from forecasting.settings import Settings
from forecasting.stores.registry.versions import connect, store_errors
from pipelines import tracking
from pipelines.describing import check_rows, leaderboard_rows
from pipelines.judging import JUDGEMENT, Judgement
from pipelines.promotion import Decision, tag_decision
from pipelines.workspace import PLAN


@contextmanager
def parent_run(settings: Settings, station: str, preset: str, seed: int) -> Iterator[str]:
    """Open the parent run of a retraining and close it as finished or failed; gives its id."""
    client = connect(settings)
    experiment = tracking.experiment_of(client, settings, f"climate-{station}")
    run_id = tracking.start_run(client, experiment, f"retrain {station} {preset}")
    try:
        tracking.log_params(client, run_id, {"preset": preset, "seed": seed, "station": station})
        yield run_id
    except BaseException as error:
        tracking.set_tags(client, run_id, {"error": f"{type(error).__name__}: {error}"[:5000]})
        tracking.end_run(client, run_id, "FAILED")
        raise
    tracking.end_run(client, run_id)


def log_admission(settings: Settings, run_id: str, admission: Admission) -> None:
    """Log the data verdict: counts, hashes, and the report itself, which needs no network."""
    client = connect(settings)
    counts = {"accepted": admission.accepted, "quarantined": admission.quarantined}
    counts["missing_days"] = admission.missing_days
    tracking.log_metrics(client, run_id, {f"data/{name}": n for name, n in counts.items()})
    tracking.set_tags(
        client,
        run_id,
        {
            "data_verdict": admission.verdict,
            "data_sha256": admission.data_sha256 or "refused",
            "files_sha256": ",".join(admission.files_sha256),
            "data_report": admission.report.as_uri(),
        },
    )
    with store_errors():
        client.log_artifact(run_id, str(admission.report), "data")


def data_verdict(admission: Admission) -> str:
    """Return the data verdict as Markdown, with a link to the report."""
    lines = [
        (
            f"**{admission.verdict}**: {admission.accepted} days accepted, "
            f"{admission.quarantined} cells or rows quarantined, "
            f"{admission.missing_days} days missing"
        ),
        "",
        "| code | date | variable | found | expected |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {reason.code} | {reason.date or ''} | {reason.variable or ''} "
        f"| {reason.found} | {reason.expected} |"
        for reason in admission.reasons[:50]
    ]
    return "\n".join([*lines, "", f"[Whole report]({admission.report.as_uri()})"])


def log_judgement(settings: Settings, run_id: str, folder: Path, judgement: Judgement) -> None:
    """Log the scores of the chosen candidate and of every rival, and the whole judgement."""
    client = connect(settings)
    evidence = judgement.verdict.evidence
    metrics = tracking.flat_metrics(evidence.candidate.to_json(), "gate")
    for name, scores in evidence.rivals.items():
        metrics |= tracking.flat_metrics(scores.to_json(), f"rival.{name}")
        metrics[f"skill/{name}"] = skill(evidence.candidate, scores)
    tracking.log_metrics(client, run_id, metrics)
    tracking.set_tags(client, run_id, {"chosen_cell": judgement.cell})
    with store_errors():
        client.log_artifact(run_id, str(folder / JUDGEMENT))
        client.log_artifact(run_id, str(folder / PLAN))


def log_decision(settings: Settings, run_id: str, decision: Decision) -> None:
    """Write the decision on the run and on the version."""
    client = connect(settings)
    tracking.set_tags(
        client,
        run_id,
        {
            "promoted": str(decision.promoted).lower(),
            "verdict": decision.verdict.sentence[:5000],
            "registered_version": "" if decision.version is None else str(decision.version),
        },
    )
    tag_decision(client, decision)


def leaderboard(judgement: Judgement) -> list[dict[str, object]]:
    """Return candidates and rivals as rows, best first."""
    scores: dict[str, Scores] = {**judgement.leaderboard, **judgement.verdict.evidence.rivals}
    return [
        {
            "model": name,
            "mean MAE": round(score.mean_mae, 4),
            **{f"lead {n}": round(mae, 4) for n, mae in enumerate(score.mae_by_lead, start=1)},
        }
        for name, score in sorted(scores.items(), key=lambda entry: entry[1].mean_mae)
    ]


def decision_markdown(judgement: Judgement, decision: Decision) -> str:
    """Return the decision, its checks and the leaderboard as Markdown."""
    return "\n".join(
        [
            decision.verdict.sentence,
            "",
            *check_rows(decision.verdict),
            "",
            *leaderboard_rows(judgement),
        ]
    )


def decision_json(judgement: Judgement, decision: Decision, run_id: str) -> dict[str, Any]:
    """Return what `gatecast retrain --json` prints, but for the seconds."""
    return {
        "run_id": run_id,
        "model": decision.model,
        "version": decision.version,
        "promoted": decision.promoted,
        "verdict": verdict_json(decision.verdict),
        "cell": judgement.cell,
        "metrics": metrics_json(decision.verdict),
    }


def metrics_json(verdict: Verdict) -> dict[str, Any]:
    """Return the gate block's errors of the candidate and of every rival."""
    evidence = verdict.evidence
    name, rival = best_rival(evidence)
    content: dict[str, Any] = finite(
        {
            **evidence.candidate.to_json(),
            "best_rival": name,
            "skill": skill(evidence.candidate, rival),
            "rivals": {each: scores.to_json() for each, scores in evidence.rivals.items()},
        }
    )
    return content


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """Return the decision's sentence and every check, as JSON."""
    content: dict[str, Any] = finite(
        {
            "promoted": verdict.promoted,
            "sentence": verdict.sentence,
            "checks": [asdict(check) for check in verdict.checks],
        }
    )
    return content


def finite(content: Any) -> Any:  # noqa: ANN401 - JSON of any depth
    """Replace what JSON cannot say (NaN, infinity) by null."""
    if isinstance(content, dict):
        return {name: finite(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
