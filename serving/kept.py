"""Keep the encoded answers to the usual questions, until the champion or the days change."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from forecasting.stores.stations import StationRecord
from serving.answers import encode
from serving.csv_answers import CSV, csv_table
from serving.forecasts import Posted, Prepared, answer, judge_own_days, prepare, run
from serving.freshness import check_age, until_next
from serving.live import Live
from serving.refusals import DataTooOld
from serving.runtime import Forecaster
from serving.tags import tag_of
from serving.wishes import Wish

#: Most answers kept at once, and most bytes of them: a question has more spellings than anybody
#: needs.
MOST_KEPT: Final = 4096
MOST_BYTES: Final = 16 * 2**20

JSON: Final = "application/json"


@dataclass(frozen=True, kw_only=True)
class Source:
    """One target that an answer was made from: the record and the forecaster of that moment."""

    station: str
    target: str
    record: StationRecord
    forecaster: Forecaster | None


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An encoded answer with its tag; `until` is when age alone ends it, seconds since 1970."""

    body: bytes
    tag: str
    media_type: str
    sources: tuple[Source, ...]
    until: float


class Answers:
    """The encoded answers from the stations' own days, computed once per champion and record.

    An entry counts only for the very forecasters and records it was made from, and only while
    those days are new enough, so that a swap or a new day needs no clearing.

    Args:
        live: the stations and their models.
        clock: seconds since 1970 UTC.
    """

    def __init__(self, live: Live, clock: Callable[[], float] = time.time) -> None:
        self.live = live
        self.clock = clock
        self._kept: dict[tuple[Wish, ...], Kept] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def kept(self, wishes: tuple[Wish, ...]) -> Kept | None:
        """Return the encoded answer if it has been computed and is still current."""
        kept = self._kept.get(wishes)
        return kept if kept is not None and self.current(kept) else None

    def current(self, kept: Kept) -> bool:
        """Say whether an answer would be computed alike now; costs a few look-ups."""
        if self.clock() >= kept.until:
            return False
        for source in kept.sources:
            record, forecaster = self.live.source(source.station, source.target)
            if record is not source.record or forecaster is not source.forecaster:
                return False
        return True

    def compute(self, wishes: tuple[Wish, ...]) -> Kept:
        """Compute, keep and return the encoded answer; of several wishes, a list.

        Raises:
            GatecastError: as `prepare` and `answer`.
        """
        now = self.clock()
        sources = tuple(each for wish in wishes for each in self._sources(wish))
        prepared = [prepare(self.live, wish, None, now) for wish in wishes]
        said = run(prepared)
        judge_own_days(self.live, prepared, said)
        answers = [answer(*pair) for pair in zip(prepared, said, strict=True)]
        body, media_type = encoded(answers, wishes[0])
        kept = Kept(
            body=body,
            tag=tag_of(body, _sums(sources)),
            media_type=media_type,
            sources=sources,
            until=min(now + _seconds_left(each, now) for each in prepared),
        )
        self._keep(wishes, kept)
        return kept

    def prepare_posted(self, wish: Wish, posted: Posted) -> Prepared:
        """Look up and check what the answer after a client's own history is made of.

        Raises:
            GatecastError: as `prepare`.
        """
        return prepare(self.live, wish, posted, self.clock())

    def _sources(self, wish: Wish) -> list[Source]:
        """Look up first what is computed from after: a swap between both ends the entry at once."""
        record = self.live.record(wish.station)
        return [
            Source(
                station=wish.station,
                target=target,
                record=record,
                forecaster=self.live.source(wish.station, target)[1],
            )
            for target in wish.selection.among(record)
        ]

    def _keep(self, wishes: tuple[Wish, ...], kept: Kept) -> None:
        with self._lock:
            earlier = self._kept.get(wishes)
            self._bytes += len(kept.body) - (len(earlier.body) if earlier else 0)
            if len(self._kept) >= MOST_KEPT or self._bytes > MOST_BYTES:
                self._kept, self._bytes = {}, len(kept.body)
            self._kept[wishes] = kept


def encoded(answers: list[dict[str, Any]], wish: Wish) -> tuple[bytes, str]:
    """Return answers of one form as bytes, with their media type."""
    if wish.form.csv:
        return csv_table(answers), CSV
    return encode(answers if len(answers) > 1 else answers[0]), JSON


def _sums(sources: tuple[Source, ...]) -> list[str]:
    """Return the sums of the versions and of the data that an answer was made from."""
    manifests = [each.forecaster.pointer.manifest_sha256 for each in sources if each.forecaster]
    return [*manifests, *(each.record.recent.data_sha256 for each in sources)]


def _seconds_left(prepared: Prepared, now: float) -> float:
    """Return for how long age lets an answer stand."""
    targets = [question.target for question in prepared.questions]
    try:
        return check_age(prepared.record, targets, now)
    except DataTooOld:
        return until_next(prepared.record, now)
