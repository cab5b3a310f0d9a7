"""Say a station's labels on another clock, where that can be done without guessing."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from forecasting.stores.stations import StationCard
from serving.history import DAY_SECONDS, EPOCH
from serving.refusals import Fault, RequestRefused

#: What a name of the database is made of.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z][A-Za-z0-9_+-]*)*")

#: Open-Meteo's word for the station's own zone.
AUTO: Final = "auto"


def station_zone(card: StationCard) -> tzinfo:
    """Return the station's zone; UTC where this machine has no such zone."""
    try:
        return ZoneInfo(card.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def zone_shift(card: StationCard, asked: str, seconds: Sequence[int]) -> list[int]:
    """Return labels of the station's calendar as labels of another zone's, in seconds.

    Args:
        card: the station.
        asked: an IANA name, or `auto` for the station's own.
        seconds: labels since 1970-01-01T00:00 on the station's calendar, ascending.

    Raises:
        RequestRefused: no such zone, days cannot be moved, or an hour stands on one of the two
            clocks twice or never.
    """
    if asked in {AUTO, card.timezone}:
        return list(seconds)
    if card.step_seconds >= DAY_SECONDS:
        raise _refusal(f"the days are those of {card.timezone}; say auto, or leave it out")
    own, other = _zone(card.timezone), _zone(asked)
    moved = [_moved(label, own, other) for label in seconds]
    if any(after <= before for before, after in pairwise(moved)):
        raise _refusal("an hour of the answer stands twice on that clock; try UTC")
    return moved


def _zone(name: str) -> ZoneInfo:
    try:
        # Other names reach files of Python's own package, and `ZoneInfo` fails on some of them.
        return ZoneInfo(name if NAME.fullmatch(name) else "")
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise _refusal("auto, or a name of the IANA time zone database") from error


def _moved(seconds: int, own: ZoneInfo, other: ZoneInfo) -> int:
    naive = EPOCH + timedelta(seconds=seconds)
    first, second = (naive.replace(tzinfo=own, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        raise _refusal("an hour of the answer stands twice, or never, on the station's own clock")
    there: datetime = first.astimezone(other)
    return int(there.replace(tzinfo=UTC).timestamp())


def _refusal(message: str) -> RequestRefused:
    return RequestRefused(message, [Fault(path="timezone", message=message)])
