"""Log retrainings to MLflow: a parent run, a child a candidate, ids passed, nothing automatic."""

import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from forecasting.settings import Settings
from forecasting.stores.liveness import Process
from forecasting.stores.registry.store import artifact_root
from forecasting.stores.registry.versions import connect, store_errors
from pipelines.provenance import code_version, lock_sha256

#: MLflow takes so many at once.
BATCH = {"metrics": 1000, "params": 100}

#: The tag that says which process writes a run: gone with it, the run is closed by the reaper.
PROCESS = "gatecast.process"

#: Longest parameter value that the store takes.
PARAM_LENGTH = 6000


def experiment_of(client: MlflowClient, settings: Settings, name: str) -> str:
    """Return the id of an experiment, made with its artifacts under our home when new."""
    with store_errors():
        found = client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        try:
            return str(client.create_experiment(name, _location(settings, name)))
        except MlflowException:
            # Another process made it between the look and the making.
            made = client.get_experiment_by_name(name)
            if made is None:
                raise
            return str(made.experiment_id)


def _location(settings: Settings, name: str) -> str | None:
    """Return where an experiment's artifacts go: under our home, unless a server keeps them.

    MLflow itself would put them into the current folder where it opens a database directly.
    """
    if settings.tracking.startswith(("http://", "https://")):
        return None
    return (artifact_root(settings) / name).as_uri()


def start_run(
    client: MlflowClient, experiment: str, name: str, *, parent: str | None = None
) -> str:
    """Open a run, under a parent where one is named; returns its id."""
    tags = {"mlflow.source.name": "gatecast", "mlflow.source.type": "JOB", **environment()}
    tags[PROCESS] = Process.own().name
    if parent is not None:
        tags["mlflow.parentRunId"] = parent
    with store_errors():
        return str(client.create_run(experiment, run_name=name, tags=tags).info.run_id)


@contextmanager
def recorded_run(
    settings: Settings, experiment: str, name: str, params: Mapping[str, object]
) -> Iterator[str]:
    """Open a run and close it as finished or failed; gives its id."""
    client = connect(settings)
    run_id = start_run(client, experiment_of(client, settings, experiment), name)
    try:
        log_params(client, run_id, params)
        yield run_id
    except BaseException as error:
        set_tags(client, run_id, {"error": f"{type(error).__name__}: {error}"[:5000]})
        end_run(client, run_id, "FAILED")
        raise
    end_run(client, run_id)


def log_params(client: MlflowClient, run_id: str, params: Mapping[str, object]) -> None:
    """Log parameters in batches."""
    entries = [Param(name, str(value)[:PARAM_LENGTH]) for name, value in params.items()]
    with store_errors():
        for first in range(0, len(entries), BATCH["params"]):
            client.log_batch(run_id, params=entries[first : first + BATCH["params"]])


def log_metrics(client: MlflowClient, run_id: str, metrics: Mapping[str, float]) -> None:
    """Log one value a metric."""
    log_series(client, run_id, {name: [value] for name, value in metrics.items()})


def log_series(client: MlflowClient, run_id: str, series: Mapping[str, Sequence[float]]) -> None:
    """Log metrics over epochs, in batches: about 30 times faster than one by one."""
    now = int(time.time() * 1000)
    entries = [
        Metric(name, float(value), now, step)
        for name, values in series.items()
        for step, value in enumerate(values, start=1)
    ]
    with store_errors():
        for first in range(0, len(entries), BATCH["metrics"]):
            client.log_batch(run_id, metrics=entries[first : first + BATCH["metrics"]])


def set_tags(client: MlflowClient, run_id: str, tags: Mapping[str, str]) -> None:
    """Set tags of a run."""
    with store_errors():
        client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])


def end_run(client: MlflowClient, run_id: str, status: str = "FINISHED") -> None:
    """Close a run."""
    with store_errors():
        client.set_terminated(run_id, status)


def environment() -> dict[str, str]:
    """Return what a run was made with: code version, lock file, interpreter, libraries."""
    tags = {
        "code_version": code_version(),
        "lock_sha256": lock_sha256(),
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
    }
    return tags | {f"library.{name}": version(name) for name in ("torch", "numpy", "onnxruntime")}


def flat_metrics(scores: Mapping[str, Any], prefix: str) -> dict[str, float]:
    """Return scores as metrics: `mae_by_lead` becomes `<prefix>/mae/lead_1` and so on."""
    metrics: dict[str, float] = {}
    for name, value in scores.items():
        if isinstance(value, list | tuple):
            short = name.removesuffix("_by_lead")
            for lead, each in enumerate(value, start=1):
                metrics[f"{prefix}/{short}/lead_{lead}"] = float(each)
        elif isinstance(value, int | float):
            metrics[f"{prefix}/{name}"] = float(value)
    return metrics
