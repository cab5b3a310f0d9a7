"""The verbs `models approve|reject`: what a reviewer says of what the gate proposed."""

from dataclasses import asdict
from typing import Any

from forecasting.settings import load_settings
from pipelines.commands.output import print_json, print_line
from pipelines.environment import prepare


def approve(version: str, *, by: str | None = None, why: str = "", json: bool = False) -> None:
    """Promote a version that the gate let through, in a person's name.

    It is promoted under the same lock and with the same checks of its files as by the gate, and
    only while the champion is the one that it was judged against. The name stands in the log of
    promotions, in the decisions that the page shows, and on the version.

    Args:
        version: `climate-seattle/3` or `climate-seattle@challenger`.
        by: who approves; the system's user when left out.
        why: the reason, one line.
        json: print one JSON object.
    """
    from pipelines.reviewers import reason, reviewer  # noqa: PLC0415 - with MLflow

    who, said = reviewer(by), reason(why)
    settings = load_settings()
    client, found = _find(version)
    from pipelines import reviewing  # noqa: PLC0415 - MLflow

    review = reviewing.Review.now(reviewing.APPROVED, who, said)
    pointer = reviewing.approve(settings, client, found, review)
    if json:
        print_json(asdict(pointer) | {"approved_by": who, "approved_at": review.time})
    else:
        print_line(f"{found.name} is champion, approved by {who}")


def reject(version: str, *, why: str, by: str | None = None, json: bool = False) -> None:
    """Turn a version down: it is challenger no more, and says by whom and why.

    Args:
        version: `climate-seattle/3` or `climate-seattle@challenger`.
        why: the reason, one line.
        by: who rejects; the system's user when left out.
        json: print one JSON object.
    """
    from pipelines.reviewers import reason, reviewer  # noqa: PLC0415 - with MLflow

    who, said = reviewer(by), reason(why, needed=True)
    settings = load_settings()
    client, found = _find(version)
    from pipelines import outcomes, reviewing  # noqa: PLC0415 - MLflow

    review = reviewing.Review.now(outcomes.REJECTED, who, said)
    reviewing.reject(settings, client, found, review)
    if json:
        told = {"rejected_by": who, "rejected_at": review.time, "rejected_why": said}
        print_json({"model": found.model, "version": found.version, **told})
    else:
        print_line(f"{found.name} is rejected by {who}")


def _find(name: str) -> tuple[Any, Any]:
    """Open the registry and find a version in it."""
    settings = load_settings()
    prepare(settings)
    from forecasting.stores.registry.versions import connect, resolve  # noqa: PLC0415 - 3 s

    client = connect(settings)
    return client, resolve(client, name)
