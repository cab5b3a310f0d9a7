"""The climate flow: land, admit, split, fit, judge, refit, publish, promote. Wiring only."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import State, Task, flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas import TaskRun
from prefect.runtime import flow_run

from forecasting.climate.pooling import GLOBAL
from forecasting.climate.recipe import SEED, recipe_of
from forecasting.errors import GatecastError, SourceUnavailable
from forecasting.faults import reach
from forecasting.settings import load_settings, read_settings
from forecasting.stores.fencing import Fence
from forecasting.stores.files import storage_errors
from forecasting.stores.liveness import claimed
from pipelines import admitting, chronicle, explaining, judging, promotion, recording, rehearsing
from pipelines.attempts import keep as keep_attempt
from pipelines.attempts import settle as settle_attempt
from pipelines.catalogue import find_dataset, part_names
from pipelines.compute import task_runner
from pipelines.courses import Course, Outcome, Shared, courses, outcome, to_pool
from pipelines.fitting import FittingFailed, fit_beside
from pipelines.pooled import Arranged, arrange
from pipelines.progress import listener
from pipelines.refitting import refit_candidate
from pipelines.sources.landing import require_told_apart, shared_source
from pipelines.telling import owe, tell, tell_decision
from pipelines.workspace import close_workspace, read_plan


def source_was_away(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's signature
    """Say whether landing may be tried again: a wrong file stays wrong."""
    return isinstance(state.result(raise_on_failure=False), SourceUnavailable)


def artifact_key(kind: str, model: str) -> str:
    """Return a key as Prefect takes it: lower-case letters, digits and dashes."""
    return f"{kind}-{model.removeprefix('climate-')}".replace("_", "-")


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
def admit(
    dataset: str,
    files: Sequence[str],
    run_id: str,
    until: str | None = None,
    *,
    dry_run: bool = False,
) -> str:
    """Check the files; returns the data's SHA-256 or refuses. With `until`, of its past only."""
    settings = load_settings()
    admission = admitting.admit_files(settings, dataset, files)
    create_markdown_artifact(
        key=artifact_key("data", find_dataset(dataset).model),
        markdown=recording.data_verdict(admission),
        description="verdict of the data checks",
    )
    recording.log_admission(settings, run_id, admission)
    if not dry_run and until is None:
        keep_attempt(settings.root, find_dataset(dataset).model, admission, run_id)
    data_sha256 = admitting.accept(settings, dataset, admission)
    return rehearsing.cut_off(settings, admission, until) if until else data_sha256


@task(task_run_name="split-{dataset}")
def split(dataset: str, data_sha256: str, preset: str, seed: int) -> str:
    """Cut the series into blocks; returns the folder of the plan."""
    return str(admitting.divide(load_settings(), dataset, data_sha256, preset, seed))


@task
def pool(folders: Sequence[str]) -> Arranged | None:
    """Share out one target's stations for a global candidate, where they can be pooled."""
    return arrange(load_settings().root, [Path(folder) for folder in folders])


@task(task_run_name="fit-{label}{cell}")
def fit(folder: str, cell: str, label: str = "") -> str:
    """Train one candidate in a process of its own; returns its folder."""
    watch = listener()
    return str(
        fit_beside(
            load_settings(),
            Path(folder),
            cell,
            lambda told: watch({**told, "cell": f"{label}{cell}"}),
        )
    )


@task
def judge(folder: str, candidates: Sequence[str], run_id: str) -> str:
    """Choose a candidate and judge it; returns the folder with the judgement."""
    settings, path = load_settings(), Path(folder)
    judgement = judging.judge_candidates(
        settings, path, [Path(candidate) for candidate in candidates], run_id
    )
    reach("judge.judged")
    judging.write_judgement(path, judgement)
    reach("judge.written")
    recording.log_judgement(settings, run_id, path, judgement)
    create_table_artifact(
        key=artifact_key("leaderboard", read_plan(path).model),
        table=recording.leaderboard(judgement),
        description="errors on the gate block, best first",
    )
    return folder


@task
def refit(folder: str, run_id: str) -> str:
    """Train what passed on all rows as well, where the dataset asks; returns the folder."""
    path = Path(folder)
    refit_candidate(load_settings(), path, judging.read_judgement(path), run_id, listener())
    return folder


@task
def publish(folder: str, run_id: str, fence: Fence) -> int | None:
    """Register the chosen candidate where the rule says so; returns its version."""
    settings, path = load_settings(), Path(folder)
    fence.require_newest(settings.root)
    return promotion.publish_candidate(settings, path, judging.read_judgement(path), run_id, fence)


@task
def promote(folder: str, version: int | None, run_id: str, fence: Fence) -> dict[str, Any]:
    """Promote the version if it has earned it, or propose it; returns the decision."""
    settings, path = load_settings(), Path(folder)
    judgement = judging.read_judgement(path)
    owe(settings.root, read_plan(path).model, run_id)
    about = chronicle.judged_as(path, judgement)
    draft = chronicle.drafting(run_id, about)
    decision = promotion.decide(settings, path, judgement, version, fence, draft)
    reach("decide.promoted")
    recording.log_decision(settings, run_id, decision)
    reach("decide.logged")
    chronicle.keep(settings, decision, run_id, about)
    reach("decide.kept")
    if decision.promoted or decision.proposed:
        explaining.log_candidate(settings, run_id, path, judgement)
    create_markdown_artifact(
        key=artifact_key("decision", read_plan(path).model),
        markdown=recording.decision_markdown(judgement, decision),
        description="decision of the gate",
    )
    tell_decision(settings.root, decision, run_id)
    settle_attempt(settings.root, decision.model, run_id)
    return recording.decision_json(judgement, decision, run_id)


@task
def rehearse(folder: str, run_id: str) -> dict[str, Any]:
    """Say what the gate would have decided, and register nothing; returns the decision."""
    return rehearsing.rehearse(load_settings(), Path(folder), run_id)


@flow(
    name="climate-retraining",
    flow_run_name="retrain-{dataset}-{preset}",
    task_runner=task_runner(read_settings()),
)
def retrain_climate(
    dataset: str = "seattle",
    csv: Sequence[str] = (),
    preset: str = "default",
    seed: int = SEED,
    *,
    dry_run: bool = False,
    until: str | None = None,
) -> dict[str, Any]:
    """Train, judge and perhaps promote a forecaster for each station and target.

    With `dry_run` nothing is registered or promoted; with `until` (a date) nothing later is seen.

    Returns the decision; of several stations or targets `decisions`, `refused` and `promoted`.
    """
    settings, recipe = load_settings(), recipe_of(preset)
    with claimed(settings.root, flow_run.id), storage_errors("the retraining"):
        parts = part_names(dataset)
        require_told_apart(list(parts.values()), csv)
        with courses(settings, parts, preset, seed) as under_way:
            begin(under_way, csv, preset, seed, until, dry_run=dry_run)
            going = [course for course in under_way if course.goes_on]
            trainings, folders = pooled(going, recipe.cells)
            for course in going:
                trainings[course.name] += trained(course, recipe.cells)
            for course in going:
                with course:
                    decide(course, trainings[course.name], dry_run=dry_run)
            for folder in folders:
                close_workspace(folder)
            for course in under_way:
                if course.error is not None:
                    tell("part-refused", course.dataset.model, course.refusal())
            return outcome(under_way)


def begin(
    under_way: Sequence[Course],
    csv: Sequence[str],
    preset: str,
    seed: int,
    until: str | None = None,
    *,
    dry_run: bool = False,
) -> None:
    """Land each source once, admit every part, cut it into blocks."""
    landed: dict[str, list[str] | GatecastError] = {}
    for course in under_way:
        with course:
            key = shared_source(course.dataset)
            if key not in landed:
                landed[key] = landed_or_refused(course.name, csv)
            files = landed[key]
            if isinstance(files, GatecastError):
                raise files
            data_sha256 = admit(course.name, files, course.run, until, dry_run=dry_run)
            course.folder = split(course.name, data_sha256, preset, seed)


def landed_or_refused(name: str, csv: Sequence[str]) -> list[str] | GatecastError:
    """Land a source, or return why not: it is asked once for all parts that share it."""
    try:
        return land(name, csv)
    except GatecastError as error:
        return error


def pooled(
    going: Sequence[Course], cells: Sequence[str]
) -> tuple[dict[str, list[Outcome]], list[Path]]:
    """Start the global candidates of each target; returns them by part, and the pools' folders."""
    trainings: dict[str, list[Outcome]] = {course.name: [] for course in going}
    pools = [arranged for folders in to_pool(going) if (arranged := pool(folders)) is not None]
    for arranged in pools:
        for cell in (f"{GLOBAL}{each}" for each in cells):
            training = fit.submit(str(arranged.folder), cell, arranged.label)
            for course in going:
                if Path(course.folder) in arranged.plans:
                    own = str(Path(course.folder) / cell)
                    trainings[course.name].append(Shared(training=training, folder=own))
    return trainings, [arranged.folder for arranged in pools]


def trained(course: Course, cells: Sequence[str]) -> list[Outcome]:
    """Start the training of a part's own candidates."""
    label = "" if course.alone else f"{read_plan(Path(course.folder)).label} "
    return [fit.submit(course.folder, cell, label) for cell in cells]


def decide(course: Course, trainings: Sequence[Outcome], *, dry_run: bool = False) -> None:
    """Judge a part's candidates and promote the best one if it has earned it."""
    folder, run = course.folder, course.run
    judge(folder, fitted(trainings), run)
    refit(folder, run)
    course.turn.lock.require()
    if dry_run:
        course.decision = rehearse(folder, run)
    else:
        version = publish(folder, run, course.turn.fence)
        course.turn.lock.require()
        course.decision = promote(folder, version, run, course.turn.fence)
    close_workspace(Path(folder))
    course.stack.close()


def fitted(futures: Sequence[Outcome]) -> list[str]:
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
