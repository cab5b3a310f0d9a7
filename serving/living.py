"""Hold what the running app is made of, and let the routes reach it."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import Depends, Request

from serving.access import Access, KeyRing
from serving.batches import Batches
from serving.champions import Champions
from serving.desk import Bench, Desk
from serving.draining import Draining
from serving.healing import Healer
from serving.kept import Answers
from serving.live import Live
from serving.metrics import Metrics, Mirror
from serving.records import Records
from serving.refusals import BodyTooLarge, BodyTooSlow
from serving.settings import ServingSettings
from serving.texts import TextChampions
from serving.watching import Watcher


@dataclass(frozen=True, kw_only=True)
class LivingParts:
    """Everything one app holds while it runs; the healer is None where healing is off.

    `desk` admits texts and `forecasts` forecasts; `bench` computes the latter.
    """

    settings: ServingSettings
    records: Records
    champions: Champions
    answers: Answers
    texts: TextChampions
    desk: Desk
    forecasts: Desk
    bench: Bench
    batches: Batches
    access: Access
    metrics: Metrics
    draining: Draining
    watcher: Watcher
    healer: Healer | None

    @classmethod
    def of(cls, settings: ServingSettings) -> "LivingParts":
        """Build the parts without starting any of them."""
        records, champions = Records(settings.root), Champions(settings.root)
        texts, ring = TextChampions(settings.root), KeyRing(settings.root)
        desks = {
            "text": Desk(settings.text_places, "texts"),
            "forecast": Desk(settings.forecast_places, "forecasts"),
        }
        access, metrics = Access(settings, ring), Metrics()
        mirror = Mirror()
        for name, desk in desks.items():
            mirror.count(metrics.refused.labels(name), partial(getattr, desk, "refused"))
            mirror.show(metrics.depth.labels(name), partial(getattr, desk, "busy"))
        for kind, live in (("climate", champions), ("language", texts)):
            mirror.count(metrics.swaps.labels(kind), partial(getattr, live, "swaps"))
            failed = partial(getattr, live, "swap_failed")
            mirror.count(metrics.swap_failures.labels(kind), failed)
        mirror.count(metrics.rate_errors, partial(getattr, access.rates, "errors"))
        bench = Bench(settings.forecast_threads, settings.forecast_seconds)
        # Champions first: retraining writes the station before it promotes.
        looks = (
            champions.refresh,
            records.refresh,
            texts.refresh,
            ring.refresh,
            mirror.look,
        )
        return cls(
            settings=settings,
            records=records,
            champions=champions,
            answers=Answers(Live(records, champions)),
            texts=texts,
            desk=desks["text"],
            forecasts=desks["forecast"],
            bench=bench,
            batches=Batches(bench),
            access=access,
            metrics=metrics,
            draining=Draining(settings.drain_seconds),
            watcher=Watcher(looks, settings.poll_seconds),
            healer=Healer(settings.root, settings.tracking) if settings.heal else None,
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
        self.bench.close()


async def living_parts(request: Request) -> LivingParts:
    """Return the parts of the app that answers the request."""
    parts: LivingParts = request.app.state.parts
    return parts


Living = Annotated[LivingParts, Depends(living_parts)]


async def read_body(request: Request, living: Living) -> bytes:
    """Read a request's body up to the limit, and for so long.

    Raises:
        BodyTooLarge: the declared or the received size is over it.
        BodyTooSlow: it did not arrive in time.
    """
    limit, seconds = living.settings.body_bytes, living.settings.request_seconds
    declared = request.headers.get("content-length", "")
    received = bytearray()
    if not (declared.isdecimal() and int(declared) > limit):
        try:
            async with asyncio.timeout(seconds):
                async for chunk in request.stream():
                    received += chunk
                    if len(received) > limit:
                        break
                else:
                    return bytes(received)
        except TimeoutError as error:
            raise BodyTooSlow(
                "the body came too slowly", expected=f"within {seconds:g} s"
            ) from error
    raise BodyTooLarge("the body is too large", expected=f"at most {limit} bytes")


Body = Annotated[bytes, Depends(read_body)]
