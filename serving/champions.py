"""Hold each climate model's live champion, and behind it the version that it replaced."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from forecasting.errors import ModelOutputInvalid
from serving.live_models import Live, LiveModels
from serving.runtime import Forecaster

#: Only these are climate models; the language models beside them are served elsewhere.
PREFIX: Final = "climate-"

#: Invalid forecasts of a station's own days, one after the other, that bring the earlier back.
PATIENCE: Final = 3

#: What an answer says of a version that stands in for the champion.
FALLBACK: Final = "fallback"

logger = logging.getLogger(__name__)


class Champions(LiveModels[Forecaster]):
    """The live forecaster per climate model, and behind it the one that it replaced.

    Args:
        root: the home folder.
        clock: seconds that only grow.
        cache: a local folder with the last known good; None for none.
    """

    def __init__(
        self, root: Path, clock: Callable[[], float] = time.monotonic, cache: Path | None = None
    ) -> None:
        super().__init__(root, PREFIX, Forecaster.load, clock, cache)
        self._earlier: dict[str, Forecaster] = {}
        self._invalid: dict[str, tuple[Forecaster, int]] = {}

    @contextmanager
    def judged(self, forecaster: Forecaster) -> Iterator[None]:
        """Forecast a station's own days within: those were checked, so a bad output is the model's.

        After three in a row the version that this one replaced answers in its place, named
        `fallback`, until another pointer comes.
        """
        model = forecaster.pointer.model
        try:
            yield
        except ModelOutputInvalid:
            with self._changing:
                self._count(model, forecaster)
            raise
        if model in self._invalid:
            with self._changing:
                self._invalid.pop(model, None)

    def _count(self, model: str, forecaster: Forecaster) -> None:
        live = self._live.get(model)
        if live is None or live.served is not forecaster:
            return
        before, times = self._invalid.get(model, (forecaster, 0))
        times = times + 1 if before is forecaster else 1
        self._invalid[model] = (forecaster, times)
        if times >= PATIENCE and model in self._earlier:
            earlier = self._earlier.pop(model)
            stand_in = replace(earlier, pointer=replace(earlier.pointer, alias=FALLBACK))
            self._live = {**self._live, model: replace(live, served=stand_in, since=time.time())}
            self.fallbacks += 1
            logger.error(
                "champion %s version %d gave %d invalid forecasts, version %d answers again",
                *(model, forecaster.pointer.version, times, earlier.pointer.version),
            )

    def _swap(self, model: str, live: Live[Forecaster]) -> None:
        before = self._live.get(model)
        super()._swap(model, live)
        if before is not None and before.followed == live.followed:
            return
        self._earlier.pop(model, None)
        if before is not None and may_stand_in(before.served, live.served):
            self._earlier[model] = before.served

    def _drop(self, model: str) -> None:
        super()._drop(model)
        self._earlier.pop(model, None)


def may_stand_in(earlier: Forecaster, champion: Forecaster) -> bool:
    """Return whether a replaced version may answer in the champion's place.

    Never one that was rolled back from: a person took that away, and it has the higher number.
    """
    same = (earlier.card.target, earlier.card.step_seconds) == (
        champion.card.target,
        champion.card.step_seconds,
    )
    return same and earlier.pointer.version < champion.pointer.version
