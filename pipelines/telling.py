"""Tell what happened to a model as an event, for the automations of whoever runs the server.

A decision's notice is owed from before the decision is taken until it is sent: what a killed
retraining has not told, `pipelines.operations.owing` tells in its place.
"""

import threading
from pathlib import Path
from typing import Any, Final, Protocol

from prefect.events import emit_event
from prefect.events.worker import EventsWorker

from forecasting.stores.files import safe_name, write_json
from forecasting.stores.liveness import Process

#: How long a retraining waits until its notice is sent, in seconds.
SENDING: Final = 10.0


class Decided(Protocol):
    """A decision of either tenant."""

    @property
    def model(self) -> str:
        """The registered model."""

    @property
    def version(self) -> int | None:
        """The registered version; None where it was only logged."""

    @property
    def verdict(self) -> Any:  # noqa: ANN401 - of either tenant
        """Why: its `sentence` is told."""

    @property
    def outcome(self) -> str:
        """One word for it."""


def tell(what: str, model: str, payload: dict[str, Any]) -> bool:
    """Emit `gatecast.<what>` about a model; it is sent in the background and fails nothing.

    Returns whether somebody is to hear of it: an event was made.
    """
    event = emit_event(
        event=f"gatecast.{what}",
        resource={"prefect.resource.id": f"gatecast.model.{model}"},
        payload=payload,
    )
    return event is not None


def notice_path(root: Path, model: str, run_id: str) -> Path:
    """Return where it is kept that the notice of a run's decision is owed."""
    return root / "notices" / safe_name(model) / f"{safe_name(run_id)}.json"


def owe(root: Path, model: str, run_id: str) -> None:
    """Write down, before a run decides, that its decision has to be told, and who means to."""
    told = {"model": model, "run_id": run_id, "process": Process.own().name}
    write_json(notice_path(root, model, run_id), told)


def tell_decision(root: Path, decision: Decided, run_id: str) -> None:
    """Tell a run's decision; its notice is owed no more once it is sent.

    Where the server does not take it in time, it stays owed, and is told once more later.
    """
    sentence = decision.verdict.sentence
    if has_told(decision.outcome, decision.model, decision.version, sentence):
        notice_path(root, decision.model, run_id).unlink(missing_ok=True)


def has_told(outcome: str, model: str, version: int | None, sentence: str) -> bool:
    """Tell a decision; says whether that is done, as far as anybody hears of it."""
    return not tell(outcome, model, {"version": version, "sentence": sentence}) or was_sent()


def was_sent() -> bool:
    """Wait a while for what is sent in the background; says whether all of it has gone."""
    waiting = threading.Thread(target=EventsWorker.instance().wait_until_empty, daemon=True)
    waiting.start()
    waiting.join(SENDING)
    return not waiting.is_alive()
