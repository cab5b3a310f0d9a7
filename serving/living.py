"""Hold what the running app is made of, and let the routes reach it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from serving.champions import Champions
from serving.desk import Desk
from serving.healing import Healer
from serving.hooks import Deliveries
from serving.kept import Answers
from serving.last_good import LastGood
from serving.records import Records
from serving.refusals import BodyTooLarge
from serving.settings import ServingSettings
from serving.texts import TextChampions
from serving.watching import Watcher


@dataclass(frozen=True, kw_only=True)
class LivingParts:
    """Everything one app holds while it runs; what is switched off is None."""

    settings: ServingSettings
    records: Records
    champions: Champions
    answers: Answers
    texts: TextChampions
    desk: Desk
    watcher: Watcher
    last_good: LastGood | None
    healer: Healer | None
    deliveries: Deliveries | None

    @classmethod
    def of(cls, settings: ServingSettings) -> "LivingParts":
        """Build the parts without starting any of them."""
        root, copies = settings.root, settings.copies
        records, champions = Records(root, copies), Champions(root, cache=copies)
        texts = TextChampions(root, cache=copies)
        secret, last_good = settings.webhook_secret, None
        # Champions first: retraining writes the station before it promotes.
        looks = [champions.refresh, records.refresh, texts.refresh]
        if copies is not None:
            last_good = LastGood(copies, root, (champions, texts), records)
            looks.append(last_good.keep)
        watcher = Watcher(looks, settings.poll_seconds)
        return cls(
            settings=settings,
            records=records,
            champions=champions,
            answers=Answers(records, champions),
            texts=texts,
            desk=Desk(settings.text_places),
            watcher=watcher,
            last_good=last_good,
            healer=Healer.of(settings) if settings.heal else None,
            deliveries=None if secret is None else Deliveries(secret.get_secret_value()),
        )

    def start(self) -> None:
        """Begin to watch and to heal; returns at once."""
        self.watcher.start()
        if self.healer is not None:
            self.healer.start()

    def stop(self) -> None:
        """End both, and any child the healer has."""
        if self.healer is not None:
            self.healer.stop()
        self.watcher.stop()


async def living_parts(request: Request) -> LivingParts:
    """Return the parts of the app that answers the request."""
    parts: LivingParts = request.app.state.parts
    return parts


Living = Annotated[LivingParts, Depends(living_parts)]


async def read_body(request: Request, living: Living) -> bytes:
    """Read a request's body up to the limit.

    Raises:
        BodyTooLarge: the declared or the received size is over it.
    """
    return await read_at_most(request, living.settings.body_bytes)


async def read_at_most(request: Request, limit: int) -> bytes:
    """Read a request's body up to a limit in bytes.

    Raises:
        BodyTooLarge: the declared or the received size is over it.
    """
    declared = request.headers.get("content-length", "")
    received = bytearray()
    if not (declared.isdecimal() and int(declared) > limit):
        async for chunk in request.stream():
            received += chunk
            if len(received) > limit:
                break
        else:
            return bytes(received)
    raise BodyTooLarge("the body is too large", expected=f"at most {limit} bytes")


Body = Annotated[bytes, Depends(read_body)]
