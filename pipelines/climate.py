"""The climate flow: land, admit, split, fit, judge, refit, publish, promote. Wiring only."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import State, Task, flow, task, unmapped
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas import TaskRun
from prefect.events import emit_event
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner

from forecasting.climate.recipe import SEED, recipe_of
from forecasting.errors import GatecastError, SourceUnavailable
from forecasting.settings import load_settings
from pipelines import admitting, explaining, judging, promotion, recording, refitting
from pipelines.catalogue import find_dataset
from pipelines.fitting import FittingFailed, fit_beside
from pipelines.progress import watching
from pipelines.workspace import close_workspace, only_run, read_plan


def source_was_away(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's signature
    """Say whether landing may be tried again: a wrong file stays wrong."""
    return isinstance(state.result(raise_on_failure=False), SourceUnavailable)


@task(
    retries=2,
    retry_delay_seconds=[5, 30],
    retry_condition_fn=source_was_away,
    task_run_name="land-{dataset}",
)
def land(dataset: str, csv: Sequence[str]) -> list[str]:
    """Land the raw files; the only step that meets the network, and so the only one retried."""
    return admitting.land_files(load_settings(), dataset, csv)


@task(task_run_name="admit-{dataset}")
def admit(dataset: str, files: Sequence[str], run_id: str) -> str:
    """Check the files; returns the data's SHA-256 or refuses."""
    settings = load_settings()
    admission = admitting.admit_files(settings, dataset, files)
    create_markdown_artifact(
        key=f"data-{find_dataset(dataset).place.name}".replace("_", "-"),
        markdown=recording.data_verdict(admission),
        description="verdict of the data checks",
    )
    recording.log_admission(settings, run_id, admission)
    return admitting.accept(settings, dataset, admission)


@task(task_run_name="split-{dataset}")
def split(dataset: str, data_sha256: str, preset: str, seed: int) -> str:
    """Cut the series into blocks; returns the folder of the plan."""
    return str(admitting.divide(load_settings(), dataset, data_sha256, preset, seed))


@task(task_run_name="fit-{cell}")
def fit(folder: str, cell: str) -> str:
    """Train one candidate in a process of its own; returns its folder."""
    return str(fit_beside(load_settings(), Path(folder), cell, watching.get()))


@task
def judge(folder: str, candidates: Sequence[str], run_id: str) -> str:
    """Choose a candidate and judge it; returns the folder with the judgement."""
    settings, path = load_settings(), Path(folder)
    judgement = judging.judge_candidates(
        settings, path, [Path(candidate) for candidate in candidates], run_id
    )
    judging.write_judgement(path, judgement)
    recording.log_judgement(settings, run_id, path, judgement)
    create_table_artifact(
        key=f"leaderboard-{read_plan(path).station}".replace("_", "-"),
        table=recording.leaderboard(judgement),
        description="errors on the gate block, best first",
    )
    return folder


@task
def refit(folder: str, run_id: str) -> str:
    """Train what passed on all rows as well, where the dataset asks; returns the folder."""
    path = Path(folder)
    refitting.refit_candidate(
        load_settings(), path, judging.read_judgement(path), run_id, watching.get()
    )
    return folder


@task
def publish(folder: str, run_id: str) -> int | None:
    """Register the chosen candidate where the rule says so; returns its version."""
    path = Path(folder)
    return promotion.publish_candidate(load_settings(), path, judging.read_judgement(path), run_id)


@task
def promote(folder: str, version: int | None, run_id: str) -> dict[str, Any]:
    """Promote the version if it has earned it; returns the decision."""
    settings, path = load_settings(), Path(folder)
    judgement = judging.read_judgement(path)
    decision = promotion.decide(settings, path, judgement, version)
    recording.log_decision(settings, run_id, decision)
    if decision.promoted:
        explaining.log_candidate(settings, run_id, path, judgement)
    create_markdown_artifact(
        key=f"decision-{read_plan(path).station}".replace("_", "-"),
        markdown=recording.decision_markdown(judgement, decision),
        description="decision of the gate",
    )
    emit_event(
        event=f"gatecast.{'promoted' if decision.promoted else 'refused'}",
        resource={"prefect.resource.id": f"gatecast.model.{decision.model}"},
        payload={"version": decision.version, "sentence": decision.verdict.sentence},
    )
    return recording.decision_json(judgement, decision, run_id)


@flow(
    name="climate-retraining",
    flow_run_name="retrain-{dataset}-{preset}",
    task_runner=ThreadPoolTaskRunner(max_workers=load_settings().workers),  # type: ignore[arg-type]
)
def retrain_climate(
    dataset: str = "seattle",
    csv: Sequence[str] = (),
    preset: str = "default",
    seed: int = SEED,
) -> dict[str, Any]:
    """Train, judge and perhaps promote one station's forecaster; returns the decision."""
    settings = load_settings()
    station = find_dataset(dataset).place.name
    recipe = recipe_of(preset)
    with only_run(settings, station), recording.parent_run(settings, station, preset, seed) as run:
        files = land(dataset, csv)
        data_sha256 = admit(dataset, files, run)
        folder = split(dataset, data_sha256, preset, seed)
        candidates = fitted(fit.map(unmapped(folder), list(recipe.cells)))
        judge(folder, candidates, run)
        refit(folder, run)
        version = publish(folder, run)
        decision = promote(folder, version, run)
        close_workspace(Path(folder))
    return decision


def fitted(futures: Sequence[PrefectFuture[str]]) -> list[str]:
    """Wait for all candidates; one that failed leaves the others in the running.

    Raises:
        FittingFailed: every candidate failed.
    """
    results: list[object] = [future.result(raise_on_failure=False) for future in futures]
    trained = [result for result in results if isinstance(result, str)]
    if not trained:
        first: GatecastError | None = next(
            (each for each in results if isinstance(each, GatecastError)), None
        )
        if first is not None:
            raise first
        raise FittingFailed("no candidate was trained", found=str(results))
    return trained
