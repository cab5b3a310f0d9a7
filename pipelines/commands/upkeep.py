"""The verbs of upkeep: `reap` what died, `prune` what is old."""

from dataclasses import asdict
from typing import Any

from forecasting.settings import load_settings
from pipelines.commands.output import print_json, print_line, print_table
from pipelines.environment import prepare
from pipelines.server import scheduler_errors


def reap(*, dry_run: bool = False, json: bool = False) -> None:
    """Close runs whose process is gone, in Prefect and MLflow, and remove half-written models.

    A version that has an alias, and what it was made from, is never touched.

    Args:
        dry_run: say what would be done, and do nothing.
        json: print one JSON object.

    Raises:
        SchedulerUnavailable: the Prefect server does not answer.
    """
    settings = load_settings()
    prepare(settings)
    from pipelines.operations.upkeep import reap_all  # noqa: PLC0415 - prefect takes seconds

    with scheduler_errors():
        reaped = reap_all(settings, thorough=True, dry_run=dry_run)
    tell(reaped, json=json)


def prune(*, dry_run: bool = False, json: bool = False) -> None:
    """Remove old versions, finished runs, series and raw files by `keep_versions`, `keep_days`.

    A version that has an alias, and what it was made from, is never touched.

    Args:
        dry_run: say what would go, and remove nothing.
        json: print one JSON object.
    """
    settings = load_settings()
    prepare(settings)
    from pipelines.operations.pruning import prune_home  # noqa: PLC0415 - MLflow takes seconds

    pruned = asdict(prune_home(settings, dry_run=dry_run))
    tell({"dry_run": dry_run, **pruned}, json=json)


def tell(told: dict[str, Any], *, json: bool) -> None:
    """Print what was done, or would be: by kind, one line each."""
    if json:
        print_json(told)
        return
    rows = [
        (kind.replace("_", " "), name)
        for kind, names in told.items()
        if isinstance(names, list)
        for name in names
    ]
    if rows:
        title = "Would be done" if told.get("dry_run") else "Done"
        print_table(title, ("what", "which"), rows)
    else:
        print_line("nothing to do")
