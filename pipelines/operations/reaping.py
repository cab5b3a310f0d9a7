"""Close what a dead process left open in MLflow, heal its promotion, remove what it half wrote."""

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlflow import MlflowClient
from mlflow.entities import Experiment, LoggedModel, Run
from mlflow.entities.model_registry import ModelVersion

from forecasting.errors import GatecastError, ManifestMismatch, TrackingUnavailable
from forecasting.settings import Settings
from forecasting.stores.intentions import under_way
from forecasting.stores.liveness import Process, claims, is_gone
from forecasting.stores.published import is_ours
from forecasting.stores.registry.aliases import heal, is_behind, promotion_lock
from forecasting.stores.registry.pages import every
from forecasting.stores.registry.versions import (
    Version,
    connect,
    fetch,
    list_models,
    list_versions,
    resolve,
    store_errors,
)
from pipelines.operations.reaping_flows import Reaped
from pipelines.tracking import PROCESS, set_tags

#: Temporary files older than this, in seconds, are nobody's: the longest write takes minutes.
LEFT_OVER = 3600.0

#: Folders of the home in which files are written beside themselves first.
WRITTEN = (
    "raw", "admitted", "texts", "stations", "runs", "published", "decisions", "intervals",
    "attempts", "alive", "fencing", "reports", "notices",
)  # fmt: skip


def reap_tracking(
    settings: Settings, reaped: Reaped, *, thorough: bool, dry_run: bool = False
) -> None:
    """Close runs of dead processes, heal promotions, then remove what is half-written.

    Doing it twice changes nothing. A version with an alias, and what it was made from, is never
    touched.

    Args:
        settings: where things are kept.
        reaped: takes what was done.
        thorough: look at every model's champion, and not only where a promotion was cut off; read
            every byte of the versions that nothing needs.
        dry_run: change nothing.
    """
    client = connect(settings)
    experiments = _experiments(client)
    for run in _open_runs(client, experiments):
        if _is_orphan(settings.root, run):
            reaped.tracking_runs.append(run.info.run_id)
            if not dry_run:
                told = {"error": "the process ended before the run did"}
                set_tags(client, run.info.run_id, told)
                with store_errors():
                    client.set_terminated(run.info.run_id, "KILLED")
    _heal(client, settings, reaped, thorough=thorough, dry_run=dry_run)
    _reap_versions(client, settings, reaped, thorough=thorough, dry_run=dry_run)
    _reap_logged_models(client, settings, experiments, reaped, dry_run=dry_run)


def reap_files(settings: Settings, reaped: Reaped, now: float, *, dry_run: bool = False) -> None:
    """Remove temporary files of writes that were cut off, and records of dead processes."""
    for folder in WRITTEN:
        for path in (settings.root / folder).rglob(".tmp-*"):
            with suppress(OSError):
                if now - path.stat().st_mtime > LEFT_OVER:
                    reaped.files.append(str(path.relative_to(settings.root)))
                    if not dry_run:
                        _remove(path)
    for claim in claims(settings.root):
        if claim.is_dead(now) and now - claim.beat > LEFT_OVER:
            reaped.files.append(str(claim.path.relative_to(settings.root)))
            if not dry_run:
                claim.remove()


def _is_orphan(root: Path, run: Run) -> bool:
    """Say whether an open run's process is gone; a run that names none is left alone."""
    process = Process.of(run.data.tags.get(PROCESS, ""))
    return process is not None and is_gone(root, process, run.info.start_time / 1000)


def _experiments(client: MlflowClient) -> list[Experiment]:
    with store_errors():
        return every(client.search_experiments)


def _open_runs(client: MlflowClient, experiments: list[Experiment]) -> list[Run]:
    asked = [each.experiment_id for each in experiments]
    with store_errors():
        return every(client.search_runs, asked, "attributes.status = 'RUNNING'")


def _heal(
    client: MlflowClient, settings: Settings, reaped: Reaped, *, thorough: bool, dry_run: bool
) -> None:
    """Have each promotion that was cut off completed or dropped, where no API's child does so.

    A model that cannot be healed is named, and keeps no other from it.
    """
    cut_off = under_way(settings.root)
    further = filter(is_ours, list_models(client)) if thorough else ()
    for model in sorted({*cut_off, *further}):
        try:
            if model not in cut_off and not is_behind(client, settings, model):
                continue
            if not dry_run:
                heal(client, settings, model)
        except GatecastError as error:
            reaped.unhealed.append(f"{model}: {error.code}: {error}")
        else:
            reaped.healed.append(model)


def _reap_versions(
    client: MlflowClient, settings: Settings, reaped: Reaped, *, thorough: bool, dry_run: bool
) -> None:
    """Remove versions without a whole manifest that neither have an alias nor are needed by one.

    To read their bytes is to fetch nearly the whole registry: a thorough look does so.
    """
    for model in filter(is_ours, list_models(client)):
        versions = list_versions(client, model)
        needed = needed_versions(versions)
        for version in versions:
            if version.version in needed or _is_whole(client, version, thorough=thorough):
                continue
            # Asked again: since the listing it may have got an alias, or be what one stands on.
            if version.version in needed_versions(list_versions(client, model)):
                continue
            reaped.versions.append(version.name)
            if not dry_run:
                remove_version(client, settings, version)


def needed_versions(versions: list[Version]) -> set[int]:
    """Return the versions that have an alias, and those that were judged in such a one's place."""
    aliased = [each for each in versions if each.aliases]
    judged = [each.tags.get("judged_version", "") for each in aliased]
    return {each.version for each in aliased} | {int(each) for each in judged if each.isdigit()}


def remove_version(client: MlflowClient, settings: Settings, version: Version) -> bool:
    """Delete a version under the promotion lock, unless it has an alias by now."""
    with promotion_lock(settings, version.model):
        if resolve(client, version.name).aliases:
            return False
        with store_errors():
            client.delete_model_version(version.model, str(version.version))
    return True


def _is_whole(client: MlflowClient, version: Version, *, thorough: bool) -> bool:
    """Say whether a version has a manifest, and where `thorough` whether every byte is there.

    One that cannot be read now is not judged.
    """
    if not thorough or not version.tags.get("manifest_sha256"):
        return bool(version.tags.get("manifest_sha256"))
    with tempfile.TemporaryDirectory() as scratch:
        try:
            fetch(client, version.model, version.version, Path(scratch))
        except ManifestMismatch:
            return False
        except TrackingUnavailable:
            return not _files_are_gone(client, version)
        except GatecastError:
            return True
    return True


def _files_are_gone(client: MlflowClient, version: Version) -> bool:
    """Say whether a version's local files are missing, and not merely out of reach."""
    with store_errors():
        entry = client.get_model_version(version.model, str(version.version))
        location = client.get_logged_model(logged_id(entry)).artifact_location
    folder = local_path(location)
    return folder is not None and folder.parent.parent.is_dir() and not folder.is_dir()


def _reap_logged_models(
    client: MlflowClient,
    settings: Settings,
    experiments: list[Experiment],
    reaped: Reaped,
    *,
    dry_run: bool,
) -> None:
    """Remove the files of versions that were never registered, where nobody is writing them.

    Only in experiments of ours: elsewhere people log models that they never mean to register.
    """
    ours = [each for each in experiments if is_ours(each.name)]
    abandoned = [each for each in _logged(client, ours) if _is_abandoned(client, settings, each)]
    # Asked last: who registers does so before the run is closed by which a model looks abandoned.
    for logged in abandoned:
        if _is_registered(client, logged):
            continue
        reaped.logged_models.append(logged.model_id)
        if not dry_run:
            remove_logged_model(client, logged.model_id)


def remove_logged_model(client: MlflowClient, model_id: str) -> None:
    """Delete a logged model, and its files where they are local."""
    with store_errors():
        folder = local_path(client.get_logged_model(model_id).artifact_location)
        client.delete_logged_model(model_id)
    if folder is not None and folder.name == "artifacts" and folder.parent.name == model_id:
        shutil.rmtree(folder.parent, ignore_errors=True)


def _is_abandoned(client: MlflowClient, settings: Settings, logged: LoggedModel) -> bool:
    """Say whether nobody is going to register a logged model: its run is closed, or orphaned."""
    if not logged.source_run_id:
        return False
    with store_errors():
        run = client.get_run(logged.source_run_id)
    return run.info.status != "RUNNING" or _is_orphan(settings.root, run)


def _is_registered(client: MlflowClient, logged: LoggedModel) -> bool:
    """Say whether any version was registered from a logged model; asks by its name."""
    source = f"source_path = 'models:/{logged.model_id}'"
    with store_errors():
        return bool(client.search_model_versions(source, max_results=1))


def _logged(client: MlflowClient, experiments: list[Experiment]) -> list[LoggedModel]:
    if not experiments:
        return []
    asked = [each.experiment_id for each in experiments]
    with store_errors():
        return every(client.search_logged_models, asked)


def logged_id(entry: ModelVersion) -> str:
    """Return the logged model that a version was registered from: `models:/m-…` is its source.

    The entry's own `model_id` is empty when it comes out of a database.
    """
    return str(entry.model_id or (entry.source or "").removeprefix("models:/"))


def local_path(location: str | None) -> Path | None:
    """Return the folder that an artifact's address names on this machine; None of any other."""
    parts = urlsplit(location or "")
    if parts.scheme == "file" and parts.netloc in {"", "localhost"}:
        return Path(unquote(parts.path))
    return Path(parts.path) if parts.scheme == "" and parts.path.startswith("/") else None


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
