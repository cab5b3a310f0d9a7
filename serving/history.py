"""Turn a station's days, or a client's, into the history that a model reads."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from forecasting.stores.published import ModelCard
from forecasting.stores.stations import StationRecord, VariableCard
from serving.bodies import shown_key
from serving.refusals import (
    FAULTS_SHOWN,
    Fault,
    HistoryTooShort,
    NoUsableHistory,
    RequestRefused,
    StationOutgrown,
    StationTooShort,
    StationUnobserved,
    ValueOutOfBounds,
)

DAY_SECONDS: Final = 86_400
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

#: Years in which a station may have observed; a label outside is a slip of the keyboard.
YEARS: Final = range(1700, 2300)

DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?")

#: Longest list of labels that is remembered as consecutive: a year and a month of days.
LABELS_KEPT: Final = 400

Columns = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True)
class History:
    """What a model reads: (history, variables) float32 with NaN for gaps, and the last label.

    `origin` is in seconds since 1970-01-01T00:00 on the station's calendar.
    """

    values: NDArray[np.float32]
    origin: int


@lru_cache(maxsize=4096)
def label_of(seconds: int, step_seconds: int) -> str:
    """Return a step's label: a date where a step is whole days, else a date and time.

    >>> label_of(86_400, 86_400), label_of(3_600, 3_600)
    ('1970-01-02', '1970-01-01T01:00')
    """
    moment = EPOCH + timedelta(seconds=seconds)
    if step_seconds % DAY_SECONDS == 0:
        return moment.date().isoformat()
    return moment.replace(tzinfo=None).isoformat(timespec="minutes")


def recent_history(record: StationRecord, card: ModelCard) -> History:
    """Take the station's last admitted steps.

    Raises:
        StationTooShort: fewer steps than the model reads hold the target.
        StationUnobserved: none of those that it would read does.
        StationOutgrown: a variable of the model is not kept.
    """
    recent = record.recent
    _ranges(record.card.variables, card.variables)
    values = _grid(recent.values, card).T
    usable = int(np.isfinite(values[:, card.variables.index(card.target)]).sum())
    if usable < card.history:
        raise StationTooShort(
            f"too few steps of the station hold {card.target}", expected=card.history, found=usable
        )
    read = values[-card.history :]
    if not _observes_target(read, card):
        raise StationUnobserved(
            f"no recent step of the station holds {card.target}",
            expected=f"1 or more of the last {card.history}",
            found=0,
        )
    return History(read.astype(np.float32), seconds_of_label(recent.time[-1]))


def seconds_of_label(label: str) -> int:
    """Return a label that a station's record holds, in seconds on the station's calendar."""
    moment = datetime.fromisoformat(label)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def posted_history(
    time: Sequence[str], columns: Columns, record: StationRecord, card: ModelCard
) -> History:
    """Take the last steps of a client's history, after checking all of it.

    Args:
        time: labels, oldest first.
        columns: per variable one value or None a label.
        record: the station, whose bounds hold.
        card: the model, whose variables and history length hold.

    Raises:
        RequestRefused: variables, lengths or labels do not belong together.
        HistoryTooShort: fewer steps than the model reads.
        ValueOutOfBounds: a value lies outside the station's admitted range.
        NoUsableHistory: no step that the model would read holds the target.
        StationOutgrown: the station no longer declares a variable of its model.
    """
    ranges = _ranges(record.card.variables, card.variables)
    if columns.keys() != ranges.names or {*map(len, columns.values())} != {len(time)}:
        _refuse(_column_faults(time, columns, card))
    labels = tuple(time)
    last = _last_known if len(labels) <= LABELS_KEPT else _last_of_consecutive
    origin = last(labels, card.step_seconds)
    if len(time) < card.history:
        message = f"need at least {card.history} steps, got {len(time)}"
        raise HistoryTooShort(message, [Fault(path="$.history.time", message=message)])
    values = _grid(columns, card)
    ranges.check(values)
    if all(value is None for value in columns[card.target][-card.history :]):
        message = f"the last {card.history} steps hold no value of the target"
        raise NoUsableHistory(
            message, [Fault(path=f"$.history.{card.target}", message="every value is null")]
        )
    return History(values[:, -card.history :].T.astype(np.float32, order="C"), origin)


def posted_origin(time: Sequence[str], step_seconds: int) -> int:
    """Return the last of a client's labels in seconds, after checking that they are consecutive.

    Raises:
        RequestRefused: a label is no label, or does not follow the one before.
    """
    return _last_of_consecutive(time, step_seconds)


def check_bounds(values: NDArray[np.float32], record: StationRecord, card: ModelCard) -> None:
    """Refuse values of (steps, variables), NaN for gaps, outside the station's admitted ranges.

    Raises:
        ValueOutOfBounds: names the first of them.
        StationOutgrown: the station no longer declares a variable of its model.
    """
    _ranges(record.card.variables, card.variables).check(values.T.astype(np.float64))


def _refuse(faults: Iterator[Fault]) -> None:
    found = list(islice(faults, FAULTS_SHOWN))
    if found:
        raise RequestRefused("the history does not fit the model", found)


def _column_faults(time: Sequence[str], columns: Columns, card: ModelCard) -> Iterator[Fault]:
    for name in card.variables:
        if name not in columns:
            yield Fault(path=f"$.history.{name}", message="the model reads it; null marks a gap")
        elif len(columns[name]) != len(time):
            message = f"needs one value a label: {len(time)}, got {len(columns[name])}"
            yield Fault(path=f"$.history.{name}", message=message)
    for name in columns:
        if name not in card.variables:
            yield Fault(path=f"$.history.{shown_key(name)}", message="not a variable of the model")


def _last_of_consecutive(time: Sequence[str], step_seconds: int) -> int:
    """Return the last label in seconds, after checking that each follows the one before."""
    form = DATE if step_seconds % DAY_SECONDS == 0 else MOMENT
    seconds = [_seconds_of(label, form) for label in time]
    _refuse(_time_faults(seconds, step_seconds, form))
    return int(seconds[-1] or 0)


#: The same days are posted again and again; reading sixty labels took a tenth of a request.
_last_known = lru_cache(maxsize=256)(_last_of_consecutive)


def _seconds_of(label: str, form: re.Pattern[str]) -> int | None:
    if form.fullmatch(label) is None:
        return None
    try:
        moment = datetime.fromisoformat(label).replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp()) if moment.year in YEARS else None


def _time_faults(
    seconds: Sequence[int | None], step_seconds: int, form: re.Pattern[str]
) -> Iterator[Fault]:
    example = "2015-12-31" if form is DATE else "2015-12-31T18:00"
    before: int | None = None
    for position, label in enumerate(seconds):
        path = f"$.history.time[{position}]"
        if label is None:
            yield Fault(path=path, message=f"not a label like {example}")
        elif before is not None and label - before != step_seconds:
            yield Fault(path=path, message=f"must be {step_seconds} s after the label before")
        before = label


def _grid(columns: Columns, card: ModelCard) -> NDArray[np.float64]:
    """Return (variables, steps) in the model's order, NaN for None."""
    return np.array([columns[name] for name in card.variables], np.float64)


def _observes_target(values: NDArray[np.float64], card: ModelCard) -> bool:
    return bool(np.isfinite(values[:, card.variables.index(card.target)]).any())


@dataclass(frozen=True)
class _Ranges:
    """What a station admits of each variable of a model, in the model's order.

    `names` are those of `bounds`; `lower` and `upper` are (variables, 1).
    """

    bounds: tuple[VariableCard, ...]
    names: frozenset[str]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    def check(self, values: NDArray[np.float64]) -> None:
        """Refuse values of (variables, steps), NaN for gaps, outside of them."""
        outside = (values < self.lower) | (values > self.upper)
        if np.count_nonzero(outside):
            faults = list(islice(self._faults(outside), FAULTS_SHOWN))
            raise ValueOutOfBounds("values outside the station's admitted range", faults)

    def _faults(self, outside: NDArray[np.bool_]) -> Iterator[Fault]:
        for bound, wrong in zip(self.bounds, outside, strict=True):
            for position in np.flatnonzero(wrong):
                yield Fault(
                    path=f"$.history.{bound.name}[{position}]",
                    message=f"must be {bound.lower:g} to {bound.upper:g} {bound.unit}",
                )


@lru_cache(maxsize=4096)
def _ranges(declared: tuple[VariableCard, ...], names: tuple[str, ...]) -> _Ranges:
    """Return what a station that declares variables admits of a model's: the same for each post.

    Raises:
        StationOutgrown: it lacks one of them.
    """
    known = {variable.name: variable for variable in declared}
    missing = [name for name in names if name not in known]
    if missing:
        raise StationOutgrown(
            "the station lacks variables of its model", expected=", ".join(missing)
        )
    bounds = tuple(known[name] for name in names)
    lower = np.array([[each.lower] for each in bounds])
    upper = np.array([[each.upper] for each in bounds])
    return _Ranges(bounds, frozenset(names), lower, upper)
