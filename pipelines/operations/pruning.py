"""Gather what has been kept, ask the policy, and remove what may go."""

import json
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run

from forecasting.errors import GatecastError
from forecasting.settings import Settings
from forecasting.stores.admitted import VERDICT
from forecasting.stores.liveness import claims
from forecasting.stores.published import is_ours, read_pointer
from forecasting.stores.registry.pages import every
from forecasting.stores.registry.versions import (
    Version,
    connect,
    list_models,
    list_versions,
    resolve,
    store_errors,
)
from pipelines.attempts import last_attempt
from pipelines.inputs import logged_inputs
from pipelines.operations.reaping import (
    local_path,
    logged_id,
    remove_logged_model,
    remove_version,
)
from pipelines.operations.retention import (
    History,
    OldData,
    OldFile,
    OldRun,
    OldVersion,
    Policy,
    prune,
)
from pipelines.sources.landing import landed

DAY = 86_400.0

#: Days after which the folder of a retraining that nobody finished is dropped.
WORK_DAYS = 7.0


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What was removed, by name; of a dry run what would be."""

    versions: list[str]
    runs: list[str]
    data: list[str]
    files: list[str]
    work: list[str]


def prune_home(settings: Settings, *, dry_run: bool = False, now: float | None = None) -> Pruned:
    """Remove old versions, finished runs, admitted series, raw files and work by the policy."""
    moment = time.time() if now is None else now
    client = connect(settings)
    history = gather(client, settings, moment)
    policy = Policy(versions=settings.keep_versions, days=settings.keep_days)
    going = prune(history, policy)
    pruned = Pruned(
        versions=[f"{model}/{number}" for model, number in sorted(going.versions)],
        runs=sorted(going.runs),
        data=sorted(going.data),
        files=sorted(going.files),
        work=[path.name for path in _old_work(settings.root, moment)],
    )
    if not dry_run:
        _carry_out(client, settings, pruned)
    return pruned


def gather(client: MlflowClient, settings: Settings, now: float) -> History:
    """Read what has been kept; ages in days before `now` (seconds since 1970)."""
    models = [model for model in list_models(client) if is_ours(model)]
    versions = [each for model in models for each in list_versions(client, model)]
    trained_on = {each.name: _data_of(client, each) for each in versions}
    return History(
        versions=tuple(_old_version(each, trained_on[each.name], now) for each in versions),
        runs=tuple(_old_run(run, now) for run in _runs(client)),
        data=tuple(_admitted(settings.root, now)),
        files=tuple(
            OldFile(
                sha256=file.sha256,
                age=(now - file.fetched_at.timestamp()) / DAY,
                dataset=file.dataset,
            )
            for file in landed(settings.root)
        ),
        live=_live(settings.root, models),
        unknown=any(found is None for found in trained_on.values()),
    )


def _old_version(version: Version, data: frozenset[str] | None, now: float) -> OldVersion:
    judged = version.tags.get("judged_version", "")
    return OldVersion(
        model=version.model,
        version=version.version,
        age=(now - version.created / 1000) / DAY,
        run=version.run_id,
        aliased=bool(version.aliases),
        judged=int(judged) if judged.isdigit() else None,
        data=data or frozenset(),
    )


def _data_of(client: MlflowClient, version: Version) -> frozenset[str] | None:
    """Return every series that a version was trained on; None where nothing says it."""
    own = _named(version.tags)
    try:
        with store_errors():
            own = own or _named(client.get_run(version.run_id).data.tags)
        inputs = logged_inputs(client, version)
        plans = [inputs["plan"], *(each["plan"] for each in (inputs["pool"] or {}).values())]
        return frozenset(own | {plan["data_sha256"] for plan in plans if plan is not None}) or None
    except (GatecastError, OSError):
        # It may have been trained on more than its tags say: another night says it.
        return None
    except (KeyError, TypeError):
        return frozenset(own) or None


def _named(tags: dict[str, str]) -> set[str]:
    return {tags["data_sha256"]} if "data_sha256" in tags else set()


def _runs(client: MlflowClient) -> list[Run]:
    with store_errors():
        ours = [each for each in every(client.search_experiments) if is_ours(each.name)]
        return [run for each in ours for run in every(client.search_runs, [each.experiment_id])]


def _old_run(run: Run, now: float) -> OldRun:
    ended = run.info.end_time or run.info.start_time
    return OldRun(
        run=run.info.run_id,
        age=(now - ended / 1000) / DAY,
        parent=run.data.tags.get("mlflow.parentRunId"),
        is_open=run.info.status not in {"FINISHED", "FAILED", "KILLED"},
    )


def _admitted(root: Path, now: float) -> list[OldData]:
    found = []
    for path in (root / "admitted").glob(f"*/{VERDICT}"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            files = json.loads(path.read_bytes())["files_sha256"]
            age = (now - path.stat().st_mtime) / DAY
            found.append(OldData(sha256=path.parent.name, age=age, files=frozenset(files)))
    return found


def _live(root: Path, models: list[str]) -> frozenset[str]:
    """Return the series that stations answer from, and those of each model's last retraining."""
    digests: set[str] = set()
    for path in (root / "stations").rglob("*.json"):
        digests |= set(_digests(path.read_text()))
    for model in models:
        attempt = last_attempt(root, model)
        if attempt is not None and attempt.data_sha256 is not None:
            digests.add(attempt.data_sha256)
    return frozenset(digests)


def _digests(text: str) -> list[str]:
    """Return whatever looks like a SHA-256 in a record: rather too many than one too few."""
    return [word for word in text.split('"') if len(word) == 64]


def _old_work(root: Path, now: float) -> list[Path]:
    """Return work that nobody finished; none while a retraining may be going on."""
    if any(not claim.is_dead(now) for claim in claims(root)):
        return []
    folders = (root / "runs").glob("*")
    return [path for path in folders if (now - path.stat().st_mtime) / DAY > WORK_DAYS]


def _carry_out(client: MlflowClient, settings: Settings, pruned: Pruned) -> None:
    for name in pruned.versions:
        _remove_version(client, settings, name)
    for run in pruned.runs:
        with store_errors():
            folder = local_path(client.get_run(run).info.artifact_uri)
            client.delete_run(run)
        if folder is not None and folder.parent.name == run:
            shutil.rmtree(folder.parent, ignore_errors=True)
    for digest in pruned.data:
        shutil.rmtree(settings.root / "admitted" / digest, ignore_errors=True)
    for digest in pruned.files:
        for suffix in (".json", ".csv"):  # the card first: a file without one is no landed file
            (settings.root / "raw" / f"{digest}{suffix}").unlink(missing_ok=True)
    for work in pruned.work:
        shutil.rmtree(settings.root / "runs" / work, ignore_errors=True)


def _remove_version(client: MlflowClient, settings: Settings, name: str) -> None:
    """Delete a version, its logged model and its published files, unless it has an alias by now."""
    version = resolve(client, name)
    with store_errors():
        logged = logged_id(client.get_model_version(version.model, str(version.version)))
    if not remove_version(client, settings, version):
        return
    remove_logged_model(client, logged)
    with suppress(GatecastError):
        if read_pointer(settings.root, version.model).version == version.version:
            return
    for folder in (settings.root / "published" / version.model).glob(f"{version.version}-*"):
        shutil.rmtree(folder, ignore_errors=True)
