"""Tell what happened to a model as an event, for the automations of whoever runs the server."""

from typing import Any, Protocol

from prefect.events import emit_event


class Decided(Protocol):
    """A decision of either tenant."""

    @property
    def version(self) -> int | None:
        """The registered version; None where it was only logged."""

    @property
    def verdict(self) -> Any:  # noqa: ANN401 - of either tenant
        """Why: its `sentence` is told."""


def tell(what: str, model: str, payload: dict[str, Any]) -> None:
    """Emit `gatecast.<what>` about a model; it is sent in the background and fails nothing."""
    emit_event(
        event=f"gatecast.{what}",
        resource={"prefect.resource.id": f"gatecast.model.{model}"},
        payload=payload,
    )


def said_of(decision: Decided) -> dict[str, Any]:
    """Return what a decision's event carries."""
    return {"version": decision.version, "sentence": decision.verdict.sentence}
