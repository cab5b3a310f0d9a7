"""Say in which form a forecast is given: units, intervals, clock, past days, JSON or CSV."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from serving.refusals import Fault, RequestRefused
from serving.units import UnitWords
from serving.zones import AUTO

#: Most past days that an answer shows, as at Open-Meteo.
PAST_DAYS: Final = 92

#: Most intervals of one request.
INTERVALS: Final = 16

#: Levels that differ by less are the same: 1 - 0.95 is no exact number.
SAME_LEVEL: Final = 1e-6

PERCENT = re.compile(r"[0-9]{1,2}(\.[0-9]{1,6})?")


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a forecast is written down.

    `intervals` are in percent, None for all that the model has; `timezone` is the zone of the
    labels; `past_days` is how many observed days stand before the forecast.
    """

    intervals: tuple[float, ...] | None = None
    units: UnitWords = field(default_factory=UnitWords)
    past_days: int = 0
    timezone: str = AUTO
    csv: bool = False

    def places(self, levels: Sequence[float]) -> list[int]:
        """Return where, among a model's levels, those stand that are asked for, ascending.

        Raises:
            RequestRefused: it has no such interval; names those that it has.
        """
        if self.intervals is None:
            return list(range(len(levels)))
        median = list(levels).index(0.5)
        wanted = {median}
        for interval in self.intervals:
            pair = [_place(levels, 0.5 - interval / 200), _place(levels, 0.5 + interval / 200)]
            # An interval next to nothing would be the median itself.
            if None in pair or pair[0] == pair[1]:
                raise _refusal(f"the model has the intervals {_intervals(levels)} %")
            wanted.update(place for place in pair if place is not None)
        return sorted(wanted)


#: Everything that a model says, in its own units and on the station's own clock.
PLAIN: Final = Form()


def read_intervals(words: Sequence[str] | None) -> tuple[float, ...] | None:
    """Return the intervals in a query's `level=80,95`, also when it is repeated or in brackets.

    Raises:
        RequestRefused: one is not a percentage, or they are too many.
    """
    if words is None:
        return None
    parts = [part.strip() for word in words for part in word.strip("[] ").split(",")]
    if not all(PERCENT.fullmatch(part) for part in parts):
        raise _refusal("percentages between 0 and 100, with commas between them")
    return check_intervals([float(part) for part in parts])


def check_intervals(percentages: Sequence[float] | None) -> tuple[float, ...] | None:
    """Return the intervals, each once, in the order of the request.

    Raises:
        RequestRefused: one is not between 0 and 100, or they are too many.
    """
    if percentages is None:
        return None
    if len(percentages) > INTERVALS or not all(0 < each < 100 for each in percentages):
        raise _refusal(f"at most {INTERVALS} percentages between 0 and 100")
    return tuple(dict.fromkeys(percentages))


def _place(levels: Sequence[float], level: float) -> int | None:
    near = (place for place, each in enumerate(levels) if abs(each - level) < SAME_LEVEL)
    return next(near, None)


def _intervals(levels: Sequence[float]) -> str:
    below = [level for level in levels if level < 0.5]
    pairs = [level for level in below if _place(levels, 1 - level) is not None]
    return ", ".join(f"{100 - 200 * level:g}" for level in reversed(pairs)) or "none"


def _refusal(message: str) -> RequestRefused:
    return RequestRefused(message, [Fault(path="level", message=message)])
