"""Log with a run all that its training started from, and read it again, whole or in part."""

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from forecasting.climate.recipe import recipe_of
from forecasting.stores.registry.versions import Version, store_errors
from pipelines.pooled import is_global, read_pool
from pipelines.provenance import ENVIRONMENT, read_environment
from pipelines.workspace import PLAN, Plan

#: The tags by which runs older than `environment.json` say what they were made with.
TAGGED = ("code_version", "lock_sha256", "python")


def climate_inputs(folder: Path, plan: Plan, cell: str) -> dict[str, Any]:
    """Return what a climate candidate was trained from and with.

    Args:
        folder: the plan's folder.
        plan: the plan.
        cell: the candidate.
    """
    inputs = inputs_of(plan, recipe_of(plan.preset), folder / cell)
    return inputs | {"pool": read_pool(folder) if is_global(cell) else None}


def inputs_of(plan: Any, recipe: Any, trained: Path) -> dict[str, Any]:  # noqa: ANN401 - dataclasses of either tenant
    """Return a plan and its recipe as JSON, and what the folder was trained with."""
    return {
        "plan": as_json(asdict(plan)),
        "recipe": as_json(asdict(recipe)),
        "pool": None,
        "environment": read_environment(trained),
    }


def log_inputs(client: MlflowClient, run_id: str, content: dict[str, Any]) -> None:
    """Put what a training started from into its run."""
    with store_errors():
        client.log_dict(run_id, content, ENVIRONMENT)


def logged_inputs(client: MlflowClient, version: Version) -> dict[str, Any]:
    """Read what a version was trained from; of older ones the plan and what their tags say."""
    kept = _artifact(client, version.run_id, ENVIRONMENT)
    if kept is not None:
        return kept
    with store_errors():
        tags = client.get_run(version.run_id).data.tags
    libraries = {
        name.partition(".")[2]: value for name, value in tags.items() if name.startswith("library.")
    }
    environment = {name: tags[name] for name in TAGGED if name in tags}
    return {
        "plan": _artifact(client, version.run_id, PLAN),
        "recipe": None,
        "pool": None,
        "environment": environment | ({"library": libraries} if libraries else {}),
    }


def as_json(content: Any) -> Any:  # noqa: ANN401 - JSON of any depth
    """Return what JSON gives back: tuples as lists."""
    return json.loads(json.dumps(content))


def _artifact(client: MlflowClient, run_id: str, name: str) -> dict[str, Any] | None:
    """Read a JSON artifact at the top of a run; None where it has none of that name."""
    with store_errors(), tempfile.TemporaryDirectory() as scratch:
        if name not in {file.path for file in client.list_artifacts(run_id)}:
            return None
        path = client.download_artifacts(run_id, name, scratch)
        content: dict[str, Any] = json.loads(Path(path).read_bytes())
    return content
