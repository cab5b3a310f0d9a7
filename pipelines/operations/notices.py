"""Have a Prefect server call a webhook on what an operator wants to hear of."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, cast
from urllib.parse import urlsplit
from uuid import UUID

from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.actions import CallWebhook
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

from forecasting.errors import GatecastError
from pipelines.operations.reaping_flows import TRAINING, UPKEEP

#: How the automations are called, and the block that holds the address.
PREFIX: Final = "gatecast-notice-"
BLOCK: Final = "gatecast-notices"

#: The flows of which a failure is told.
FLOWS: Final = [*TRAINING, *UPKEEP]

#: What is sent: JSON, whatever the event holds.
BODY: Final = (
    '{"notice": "%s", "event": {{ event.event | tojson }}, '
    '"resource": {{ event.resource.id | tojson }}, '
    '"time": {{ event.occurred.isoformat() | tojson }}, '
    '"payload": {{ event.payload | tojson }}}'
)


class WebhookInvalid(GatecastError):
    """The address cannot be called."""

    code = "WEBHOOK_INVALID"


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What is told: the events, of which resources, and of runs of which flows."""

    name: str
    says: str
    events: tuple[str, ...]
    match: dict[str, str] = field(default_factory=dict)
    related: dict[str, Any] = field(default_factory=dict)


OF_MODELS: Final = {"prefect.resource.id": "gatecast.model.*"}

NOTICES: Final = (
    Notice(
        name="refusal",
        says="the gate refused a candidate, or the checks a station",
        events=("gatecast.refused", "gatecast.part-refused"),
        match=OF_MODELS,
    ),
    Notice(
        name="failure",
        says="a flow failed, or its process died",
        events=("prefect.flow-run.Failed", "prefect.flow-run.Crashed"),
        match={"prefect.resource.id": "prefect.flow-run.*"},
        related={"prefect.resource.role": "flow", "prefect.resource.name": FLOWS},
    ),
    Notice(
        name="rollback",
        says="somebody went back to the champion before",
        events=("gatecast.rolled-back",),
        match=OF_MODELS,
    ),
    Notice(
        name="stale",
        says="a champion was not judged for too long",
        events=("gatecast.champion-stale",),
        match=OF_MODELS,
    ),
)


def subscribe(url: str) -> list[str]:
    """Make an automation a notice in the Prefect server at hand, in place of earlier ones.

    Returns the automations' names.

    Raises:
        WebhookInvalid: the address is not an http or https one.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise WebhookInvalid(
            "the webhook cannot be called", expected="an http or https address", found=url[:80]
        )
    webhook = Webhook(method="POST", url=url, headers={"content-type": "application/json"})
    block = cast("UUID", webhook.save(BLOCK, overwrite=True))  # no event loop runs here
    with get_client(sync_client=True) as client:
        _remove(client)
        made = [_automation(notice, block) for notice in NOTICES]
        for each in made:
            client.create_automation(each)
    return [each.name for each in made]


def unsubscribe() -> list[str]:
    """Remove the automations again; returns the names of those that were there."""
    with get_client(sync_client=True) as client:
        return _remove(client)


def _remove(client: SyncPrefectClient) -> list[str]:
    found = [
        each
        for notice in NOTICES
        for each in client.read_automations_by_name(f"{PREFIX}{notice.name}")
    ]
    for each in found:
        client.delete_automation(each.id)
    return [each.name for each in found]


def _automation(notice: Notice, block: UUID) -> AutomationCore:
    return AutomationCore(
        name=f"{PREFIX}{notice.name}",
        description=f"Tells where {notice.says}.",
        trigger=EventTrigger(
            expect=set(notice.events),
            match=notice.match,
            match_related=notice.related,
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=[CallWebhook(block_document_id=block, payload=BODY % notice.name)],
    )
