"""Record what the steps did: MLflow runs, Prefect artifacts, and the answer of the command."""

import json
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from data_checks.verdict import Admission
from forecasting.climate.backtest import Scores, skill
from forecasting.climate.gate import Verdict
from forecasting.settings import Settings
from forecasting.stores.registry.versions import connect, store_errors
from forecasting.stores.stations import climate_model
from pipelines import tracking
from pipelines.deciding import Decision
from pipelines.describing import (
    candidate_rows,
    check_rows,
    leaderboard_rows,
    season_rows,
    significance_rows,
)
from pipelines.judging import JUDGEMENT, Judgement
from pipelines.promotion import tag_decision
from pipelines.workspace import PLAN

#: The file in a run that says why its candidate was promoted or refused.
VERDICT = "verdict.json"


@contextmanager
def parent_run(
    settings: Settings, station: str, preset: str, seed: int, further_target: str | None = None
) -> Iterator[str]:
    """Open the parent run of a retraining and close it as finished or failed; gives its id."""
    model = climate_model(station, further_target)
    params = {"preset": preset, "seed": seed, "station": station}
    further = {"target": further_target} if further_target else {}
    name = f"retrain {model.removeprefix('climate-')} {preset}"
    with tracking.recorded_run(settings, model, name, params | further) as run_id:
        yield run_id


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
            f"**{admission.verdict}**: {admission.accepted} {admission.step}s accepted, "
            f"{admission.quarantined} cells or rows quarantined, "
            f"{admission.missing_days} {admission.step}s missing"
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
        metrics[f"p_better/{name}"] = evidence.comparisons[name].over_horizon.p_better
    for name, scores in evidence.seasons.items():
        numbers = {"mean_mae": scores.mean_mae, "crps": scores.crps}
        metrics |= tracking.flat_metrics(finite(numbers), f"gate.{name}")
    metrics["skill_horizon"] = judgement.verdict.skill_horizon
    tracking.log_metrics(client, run_id, metrics)
    tracking.set_tags(client, run_id, {"chosen_cell": judgement.cell})
    with store_errors():
        client.log_artifact(run_id, str(folder / JUDGEMENT))
        client.log_artifact(run_id, str(folder / PLAN))


def log_decision(settings: Settings, run_id: str, decision: Decision) -> None:
    """Write the decision on the run and on the version, the whole verdict as `verdict.json`."""
    client = connect(settings)
    tracking.set_tags(
        client,
        run_id,
        {
            "promoted": str(decision.promoted).lower(),
            "proposed": str(decision.proposed).lower(),
            "verdict": decision.verdict.sentence[:5000],
            "registered_version": "" if decision.version is None else str(decision.version),
            "skill_horizon": str(decision.verdict.skill_horizon),
        },
    )
    log_verdict(client, run_id, decision.verdict)
    tag_decision(client, decision)


def log_verdict(client: MlflowClient, run_id: str, verdict: Verdict) -> None:
    """Put the verdict with every number, test and threshold into a run, as JSON."""
    with store_errors():
        client.log_dict(run_id, finite(verdict.to_json()), VERDICT)


def logged_verdict(client: MlflowClient, run_id: str) -> dict[str, Any] | None:
    """Read the verdict of a run; None where it has none, as those of older versions."""
    with store_errors():
        if VERDICT not in {file.path for file in client.list_artifacts(run_id)}:
            return None
        with tempfile.TemporaryDirectory() as scratch:
            path = client.download_artifacts(run_id, VERDICT, scratch)
            content: dict[str, Any] = json.loads(Path(path).read_bytes())
    return content


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
    """Return the decision, its checks, the tests and the leaderboard as Markdown."""
    verdict = decision.verdict
    tables = (
        check_rows(verdict),
        candidate_rows(judgement),
        leaderboard_rows(judgement),
        significance_rows(verdict),
        season_rows(verdict),
    )
    sentences = [verdict.sentence]
    if decision.refit is not None:
        sentences.append(decision.refit.sentence)
    return "\n\n".join([*sentences, *("\n".join(rows) for rows in tables)])


def decision_json(judgement: Judgement, decision: Decision, run_id: str) -> dict[str, Any]:
    """Return what `gatecast retrain --json` prints, but for the seconds."""
    return {
        "run_id": run_id,
        "model": decision.model,
        "version": decision.version,
        "promoted": decision.promoted,
        "proposed": decision.proposed,
        "verdict": verdict_json(decision.verdict),
        "refit": None if decision.refit is None else asdict(decision.refit),
        "cell": judgement.cell,
        "held_out": finite(judgement.losses),
        "metrics": metrics_json(decision.verdict),
    }


def metrics_json(verdict: Verdict) -> dict[str, Any]:
    """Return the gate block's errors of the candidate and of every rival."""
    evidence = verdict.evidence
    name, rival = evidence.best_rival
    content: dict[str, Any] = finite(
        {
            **evidence.candidate.to_json(),
            "best_rival": name,
            "skill": skill(evidence.candidate, rival),
            "skill_horizon": verdict.skill_horizon,
            "rivals": {each: scores.to_json() for each, scores in evidence.rivals.items()},
        }
    )
    return content


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """Return the decision's sentence, every check and every threshold, as JSON."""
    content: dict[str, Any] = finite(
        {
            "promoted": verdict.promoted,
            "sentence": verdict.sentence,
            "skill_horizon": verdict.skill_horizon,
            "checks": [asdict(check) for check in verdict.checks],
            "limits": asdict(verdict.limits),
            "comparisons": {
                name: asdict(comparison)
                for name, comparison in verdict.evidence.comparisons.items()
            },
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
