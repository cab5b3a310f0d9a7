"""Say which of a station's targets are asked for, in Open-Meteo's way: `daily=` or `hourly=`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from forecasting.stores.stations import StationRecord
from serving.history import DAY_SECONDS
from serving.refusals import Fault, RequestRefused


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The targets named in a request, by the word that named them; the station's first when none.

    `word` is `daily` or `hourly`, which also says what steps the station must have.
    """

    word: str | None = None
    targets: tuple[str, ...] = ()

    @classmethod
    def of(cls, daily: Sequence[str] | None, hourly: Sequence[str] | None) -> Self:
        """Take what a request says.

        Raises:
            RequestRefused: both words, a target named twice, or an empty name.
        """
        if daily is not None and hourly is not None:
            raise _refusal("hourly", "goes without daily: a station has days or hours")
        word, targets = ("daily", daily) if daily is not None else ("hourly", hourly)
        if targets is None:
            return cls()
        if len(set(targets)) != len(targets) or not all(targets):
            raise _refusal(word, "names of targets, each once, with commas between them")
        return cls(word=word, targets=tuple(targets))

    def among(self, record: StationRecord) -> tuple[str, ...]:
        """Return the targets asked for of a station.

        Raises:
            RequestRefused: a name is none of its targets, or its steps have another length.
        """
        if self.word is None:
            return (record.card.target,)
        own = "daily" if record.card.step_seconds >= DAY_SECONDS else "hourly"
        if self.word != own:
            raise _refusal(self.word, f"the station's targets are named by {own}")
        require_targets(record, self.targets, self.word)
        return self.targets


#: Ask for the station's first target, as a request does that names none.
FIRST = Selection()


def split_names(text: str | None) -> tuple[str, ...] | None:
    """Return the names in a query's comma-separated list; None where there is no list."""
    return None if text is None else tuple(name.strip() for name in text.split(","))


def require_targets(record: StationRecord, targets: tuple[str, ...], path: str) -> None:
    """Refuse what the station has no forecasts of.

    Raises:
        RequestRefused: names those that it has.
    """
    known = record.card.every_target
    if not set(targets) <= set(known):
        raise _refusal(path, f"targets of the station are {', '.join(known)}")


def _refusal(path: str, message: str) -> RequestRefused:
    return RequestRefused(message, [Fault(path=path, message=message)])
