"""The language flow: land, admit, split, fit, judge, publish, promote. Wiring only."""

from pathlib import Path
from typing import Any

from prefect import flow, task, unmapped
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run

from data_checks.text_admissions import save_text
from data_checks.texts import admit_text
from forecasting.language.recipe import SEED
from forecasting.settings import load_settings, read_settings
from forecasting.stores.fencing import Fence
from forecasting.stores.files import storage_errors
from forecasting.stores.liveness import claimed
from pipelines import tracking
from pipelines.climate import source_was_away
from pipelines.compute import task_runner
from pipelines.fitting import fit_beside
from pipelines.progress import listener
from pipelines.telling import owe, tell_decision
from pipelines.texts import judgement as judgements
from pipelines.texts import promotion, recording
from pipelines.texts.catalogue import PACKAGED, find_corpus
from pipelines.texts.judging import judge_text
from pipelines.texts.landing import land_text
from pipelines.texts.workspace import TextPlan, open_text_workspace, read_text_plan
from pipelines.workspace import close_workspace, only_run


@task(
    retries=2,
    retry_delay_seconds=[5, 30],
    retry_condition_fn=source_was_away,
    task_run_name="land-{corpus}",
)
def land(corpus: str, text: str | None) -> str:
    """Land the raw file; the only step that meets the network, and so the only one retried."""
    settings, local = load_settings(), None if text is None else Path(text)
    wait = settings.fetch_deadline_seconds
    return str(land_text(find_corpus(corpus), settings, local, wait=wait))


@task(task_run_name="admit-{corpus}")
def admit(corpus: str, file: str, run_id: str) -> str:
    """Check the text; returns its SHA-256 or refuses."""
    settings, declared = load_settings(), find_corpus(corpus)
    admission = admit_text(declared, Path(file).read_bytes())
    create_markdown_artifact(
        key=f"text-{declared.name}".replace("_", "-"),
        markdown=recording.text_verdict(admission),
        description="verdict of the text checks",
    )
    recording.log_text(settings, run_id, admission)
    return save_text(settings.root, declared, admission)


@task(task_run_name="split-{corpus}")
def split(corpus: str, data_sha256: str, preset: str, seed: int) -> str:
    """Write the plan of the run; returns its folder."""
    plan = TextPlan(
        corpus=find_corpus(corpus).name, data_sha256=data_sha256, preset=preset, seed=seed
    )
    return str(open_text_workspace(load_settings().root, plan))


@task(task_run_name="fit-{network}")
def fit(folder: str, network: str) -> str:
    """Train one network in a process of its own; returns its folder."""
    return str(
        fit_beside(load_settings(), Path(folder), network, listener(), "pipelines.texts.fitting")
    )


@task
def judge(folder: str, run_id: str) -> str:
    """Put the members into one graph and judge it; returns the folder with the judgement."""
    settings, path = load_settings(), Path(folder)
    judgement = judge_text(settings, path)
    judgements.write_judgement(path, judgement)
    recording.log_text_judgement(settings, run_id, path, judgement)
    return folder


@task
def publish(folder: str, run_id: str, fence: Fence) -> int | None:
    """Register the model where the rule says so; returns its version."""
    settings, path = load_settings(), Path(folder)
    fence.require_newest(settings.root)
    return promotion.publish_text(settings, path, judgements.read_judgement(path), run_id, fence)


@task
def promote(folder: str, version: int | None, run_id: str, fence: Fence) -> dict[str, Any]:
    """Promote the version if it has earned it, or propose it; returns the decision."""
    settings, path = load_settings(), Path(folder)
    judgement = judgements.read_judgement(path)
    owe(settings.root, read_text_plan(path).model, run_id)
    decision = promotion.decide_text(settings, path, judgement, version, fence)
    recording.log_text_decision(settings, run_id, decision)
    recording.keep_text_decision(settings, run_id, decision)
    create_markdown_artifact(
        key=f"decision-{decision.model}".replace("_", "-"),
        markdown=recording.decision_markdown(judgement, decision),
        description="decision of the gate",
    )
    tell_decision(settings.root, decision, run_id)
    return recording.text_decision_json(judgement, decision, run_id)


@flow(
    name="language-model",
    flow_run_name="language-{corpus}-{preset}",
    task_runner=task_runner(read_settings()),
)
def train_language(
    corpus: str = PACKAGED,
    text: str | None = None,
    preset: str = "default",
    seed: int = SEED,
) -> dict[str, Any]:
    """Train, judge and perhaps promote one corpus' language model; returns the decision."""
    settings = load_settings()
    model = f"language-{find_corpus(corpus).name}"
    params = {"preset": preset, "seed": seed, "corpus": corpus}
    with (
        claimed(settings.root, flow_run.id),
        storage_errors("the training"),
        only_run(settings, model) as turn,
        tracking.recorded_run(settings, model, f"train {model} {preset}", params) as run,
    ):
        file = land(corpus, text)
        data_sha256 = admit(corpus, file, run)
        folder = split(corpus, data_sha256, preset, seed)
        networks = read_text_plan(Path(folder)).networks
        for trained in fit.map(unmapped(folder), networks):
            trained.result()  # every network is needed: the first refusal is the run's
        judge(folder, run)
        turn.lock.require()
        version = publish(folder, run, turn.fence)
        turn.lock.require()
        decision = promote(folder, version, run, turn.fence)
        close_workspace(Path(folder))
    return decision
