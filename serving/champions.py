"""Hold each climate model's live champion, and know the version that it replaced."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from forecasting.stores.published import Pointer, version_folder
from serving.backoff import Backoff
from serving.live_models import UNREADABLE, Live, LiveModels, code_of
from serving.runtime import Forecaster

#: Only these are climate models; the language models beside them are served elsewhere.
PREFIX: Final = "climate-"

#: Invalid forecasts of a station's own days, one after the other, that bring the earlier back.
PATIENCE: Final = 3

#: What an answer says of a version that stands in for the champion.
FALLBACK: Final = "fallback"

logger = logging.getLogger(__name__)


class Champions(LiveModels[Forecaster]):
    """The live forecaster per climate model.

    The version that it replaced is remembered and not kept loaded: a session of the usual twelve
    members takes 13 MB, and loading it again a fraction of a second.

    Args:
        root: the home folder.
        clock: seconds that only grow.
        cache: a local folder with the last known good; None for none.
    """

    def __init__(
        self, root: Path, clock: Callable[[], float] = time.monotonic, cache: Path | None = None
    ) -> None:
        super().__init__(root, PREFIX, Forecaster.load, clock, cache)
        self._earlier: dict[str, Pointer] = {}
        self._invalid: Mapping[str, tuple[Forecaster, int]] = {}
        self._earlier_refused = Backoff(clock)
        # Requests count side by side.
        self._counting = threading.Lock()

    def judge(self, forecaster: Forecaster, *, valid: bool) -> None:
        """Note how a forecast after a station's own days was: those were checked before.

        After three invalid ones in a row the version that this one replaced answers in its place
        from the next refresh on, named `fallback`, until another pointer comes.
        """
        model = forecaster.pointer.model
        if not valid:
            with self._counting:
                before, times = self._invalid.get(model, (forecaster, 0))
                times = times + 1 if before is forecaster else 1
                self._invalid = {**self._invalid, model: (forecaster, times)}
        elif model in self._invalid:
            self._trust(model)

    def _look(self) -> None:
        super()._look()
        for model, (forecaster, times) in self._invalid.items():
            live, earlier = self._live.get(model), self._earlier.get(model)
            if live is None or live.served is not forecaster:
                self._trust(model)
            elif earlier is not None and times >= PATIENCE:
                self._fall_back(model, live, earlier)

    def _fall_back(self, model: str, live: Live[Forecaster], earlier: Pointer) -> None:
        if self._earlier_refused.rests(model, earlier):
            return
        try:
            loaded = Forecaster.load(version_folder(self._root, earlier), earlier)
        except UNREADABLE as error:
            self._earlier_refused.note(model, earlier, code_of(error))
            logger.warning("the version before champion %s cannot stand in: %s", model, error)
            return
        stand_in = replace(loaded, pointer=replace(earlier, alias=FALLBACK))
        self._earlier.pop(model, None)
        self._swap(model, replace(live, served=stand_in, since=time.time()))
        self.fallbacks += 1
        logger.error(
            "champion %s version %d gives invalid forecasts, version %d answers again",
            *(model, live.served.pointer.version, earlier.version),
        )

    def _trust(self, model: str) -> None:
        with self._counting:
            self._invalid = {name: each for name, each in self._invalid.items() if name != model}

    def _swap(self, model: str, live: Live[Forecaster]) -> None:
        before = self._live.get(model)
        super()._swap(model, live)
        if before is not None and before.followed == live.followed:
            return
        self._earlier.pop(model, None)
        if before is not None and may_stand_in(before.served, live.served):
            self._earlier[model] = before.served.pointer

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
