"""Hold what the running app is made of, and let the routes reach it."""

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import Depends, Request

from serving.access import Access
from serving.champions import Champions
from serving.desk import Bench, Desk
from serving.draining import Draining
from serving.healing import Healer
from serving.hooks import Deliveries
from serving.kept import Answers
from serving.key_ring import KeyRing
from serving.key_stores import key_store
from serving.last_good import LastGood
from serving.live import Live
from serving.metrics import Metrics, Mirror
from serving.records import Records
from serving.refusals import BodyTooLarge, BodyTooSlow
from serving.settings import ServingSettings
from serving.shortcuts import Shortcuts
from serving.texts import TextChampions
from serving.watching import Watcher


@dataclass(frozen=True, kw_only=True)
class LivingParts:
    """Everything one app holds while it runs; what is switched off is None.

    `desk` admits texts and `forecasts` forecasts; `bench` computes the latter.
    """

    settings: ServingSettings
    records: Records
    champions: Champions
    answers: Answers
    shortcuts: Shortcuts
    texts: TextChampions
    desk: Desk
    forecasts: Desk
    bench: Bench
    access: Access
    metrics: Metrics
    draining: Draining
    watcher: Watcher
    ring: KeyRing
    key_watcher: Watcher
    last_good: LastGood | None
    healer: Healer | None
    deliveries: Deliveries | None

    @classmethod
    def of(cls, settings: ServingSettings) -> "LivingParts":
        """Build the parts without starting any of them."""
        root, copies = settings.root, settings.copies
        records, champions = Records(root, copies), Champions(root, cache=copies)
        texts, ring = TextChampions(root, cache=copies), KeyRing(key_store(settings))
        last_good = LastGood(copies, root, (champions, texts), records) if copies else None
        answers = Answers(Live(records, champions))
        bench = Bench(settings.forecast_threads, settings.forecast_seconds)
        secret, mirror = settings.webhook_secret, Mirror()
        # Champions first: retraining writes the station before it promotes.
        looks = [champions.refresh, records.refresh, texts.refresh, mirror.look]
        if last_good is not None:
            looks.append(last_good.keep)
        parts = cls(
            settings=settings,
            records=records,
            champions=champions,
            answers=answers,
            shortcuts=Shortcuts(answers),
            texts=texts,
            desk=Desk(settings.text_places, "texts"),
            forecasts=Desk(settings.forecast_places, "forecasts"),
            bench=bench,
            access=Access(settings, ring),
            metrics=Metrics(),
            draining=Draining(settings.drain_seconds),
            watcher=Watcher(looks, settings.poll_seconds),
            ring=ring,
            # By itself: a database that hangs keeps nobody from the champions.
            key_watcher=Watcher([ring.refresh], settings.poll_seconds, "keys"),
            last_good=last_good,
            healer=Healer.of(settings) if settings.heal else None,
            deliveries=None if secret is None else Deliveries(secret.get_secret_value()),
        )
        parts._let_count(mirror)
        return parts

    def _let_count(self, mirror: Mirror) -> None:
        """Let the counters follow what the parts count themselves."""
        metrics = self.metrics
        for name, desk in (("text", self.desk), ("forecast", self.forecasts)):
            mirror.count(metrics.refused.labels(name), partial(getattr, desk, "refused"))
            mirror.show(metrics.depth.labels(name), partial(getattr, desk, "busy"))
        for kind, live in (("climate", self.champions), ("language", self.texts)):
            for counter, counted in (
                (metrics.swaps, "swaps"),
                (metrics.swap_failures, "swap_failed"),
                (metrics.fallbacks, "fallbacks"),
            ):
                mirror.count(counter.labels(kind), partial(getattr, live, counted))
        mirror.count(metrics.rate_errors, partial(getattr, self.access.rates, "errors"))
        if self.last_good is not None:
            mirror.count(metrics.copy_failures, partial(getattr, self.last_good, "failed"))

    def wait(self) -> None:
        """Wait for the first look at what is published and at the keys, for a limited time."""
        begun = time.monotonic()
        self.watcher.wait(self.settings.start_seconds)
        left = self.settings.start_seconds - (time.monotonic() - begun)
        self.key_watcher.wait(max(0.0, left))

    def start(self) -> None:
        """Begin to watch and to heal; returns at once."""
        self.watcher.start()
        self.key_watcher.start()
        if self.healer is not None:
            self.healer.start()

    def stop(self) -> None:
        """End both, and any child the healer has."""
        if self.healer is not None:
            self.healer.stop()
        self.watcher.stop()
        self.key_watcher.stop()
        self.ring.close()
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
    settings = living.settings
    return await read_at_most(request, settings.body_bytes, settings.request_seconds)


async def read_at_most(request: Request, limit: int, seconds: float) -> bytes:
    """Read a request's body up to a limit in bytes, and for so long.

    Raises:
        BodyTooLarge: the declared or the received size is over it.
        BodyTooSlow: it did not arrive in time.
    """
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
