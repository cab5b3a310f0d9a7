"""The verbs `models …`: look at versions, run the gate again, go back to the champion before."""

import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown

from forecasting.settings import Settings, load_settings
from forecasting.stores.stations import climate_model
from pipelines.commands.output import print_json, print_line, print_table
from pipelines.environment import prepare

REFUSED = 1

#: How the names of the tenants' models begin.
TEXTS, CLIMATE = "language-", "climate-"

#: Why a champion was taken back, where nobody says more.
ROLLED_BACK = "rolled back on the command line"


def list_all(*, json: bool = False) -> None:
    """List every registered model with its versions, newest first, and their aliases.

    Args:
        json: print one JSON object.
    """
    client = _open(load_settings())
    from forecasting.stores.registry.versions import list_models, list_versions  # noqa: PLC0415

    versions = [each for model in list_models(client) for each in list_versions(client, model)]
    if json:
        print_json({"versions": [asdict(version) for version in versions]})
        return
    rows = [
        (
            version.name,
            ", ".join(version.aliases) or None,
            version.tags.get("mean_mae"),
            version.tags.get("skill"),
            version.tags.get("skill_horizon"),
            version.tags.get("trained_through"),
        )
        for version in versions
    ]
    heads = ("version", "aliases", "mean MAE", "skill", "to lead", "trained through")
    print_table("Models", heads, rows)


def show(version: str, *, json: bool = False) -> None:
    """Show one version as a reviewer reads it: its description, tags and, in JSON, its verdict.

    Args:
        version: `climate-seattle/3` or `climate-seattle@champion`.
        json: print one JSON object.
    """
    client = _open(load_settings())
    from forecasting.stores.registry.versions import resolve  # noqa: PLC0415 - MLflow

    found = resolve(client, version)
    if json:
        from pipelines.recording import logged_verdict  # noqa: PLC0415 - MLflow

        print_json(asdict(found) | {"verdict": logged_verdict(client, found.run_id)})
        return
    print_line(f"{found.name}  {', '.join(found.aliases)}", style="bold")
    Console().print(Markdown(found.description))
    rows = sorted((name, value) for name, value in found.tags.items() if value)
    print_table("Tags, as of the last judgement", ("tag", "value"), rows)


def promote(version: str, *, json: bool = False) -> int:
    """Run the full gate on a registered version again and promote it if it passes.

    Where the setting `two_pairs_of_eyes` holds, it is only proposed: `approve` promotes it.

    Args:
        version: `climate-seattle/3` or `climate-seattle@challenger`.
        json: print one JSON object.
    """
    settings = load_settings()
    client = _open(settings)
    from forecasting.stores.registry.versions import resolve  # noqa: PLC0415 - MLflow

    found = resolve(client, version)
    with tempfile.TemporaryDirectory() as scratch:
        result = _gate_again(found.model)(settings, client, found, Path(scratch))
    if json:
        print_json(result)
    else:
        print_line(str(result["verdict"]["sentence"]))
    return 0 if result["promoted"] or result["proposed"] else REFUSED


def rollback(
    name: str, *, by: str | None = None, why: str = ROLLED_BACK, json: bool = False
) -> None:
    """Make the previous champion of a model champion again, with the same checks.

    Args:
        name: the registered model (`climate-seattle`, `language-schoolmistress`), or the station of
            one (`seattle`), whose first target is meant.
        by: who rolls back; the system's user when left out.
        why: the reason, one line.
        json: print one JSON object.
    """
    from pipelines.reviewers import reason, reviewer  # noqa: PLC0415 - with MLflow

    who, said = reviewer(by), reason(why, needed=True)
    settings = load_settings()
    client = _open(settings)
    from pipelines.going_back import go_back  # noqa: PLC0415 - MLflow

    model = name if name.startswith((TEXTS, CLIMATE)) else climate_model(name)
    pointer = go_back(settings, client, model, who, said)
    _tell_rollback(model, pointer.version, who)
    if json:
        print_json(asdict(pointer))
    else:
        print_line(f"{model}: version {pointer.version} is champion again")


def _tell_rollback(model: str, version: int, who: str) -> None:
    """Let the automations of a Prefect server hear of it, where one is named."""
    if os.environ.get("PREFECT_API_URL"):
        from pipelines.telling import tell  # noqa: PLC0415 - prefect takes seconds

        tell("rolled-back", model, {"version": version, "who": who})


def _gate_again(model: str) -> Any:  # noqa: ANN401 - a function of either tenant
    """Return what runs the gate again on versions of a model."""
    if model.startswith(TEXTS):
        from pipelines.texts.regating import promote_text_again  # noqa: PLC0415 - MLflow

        return promote_text_again
    from pipelines.regating import promote_again  # noqa: PLC0415 - MLflow

    return promote_again


def _open(settings: Settings) -> Any:  # noqa: ANN401 - MlflowClient, imported late
    prepare(settings)
    from forecasting.stores.registry.versions import connect  # noqa: PLC0415 - 3 s

    return connect(settings)
