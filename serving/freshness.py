"""Say how old a station's last observation is, and when it is too old to forecast from."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from forecasting.stores.stations import StationRecord
from serving.history import DAY_SECONDS, seconds_of_label
from serving.refusals import DataTooOld
from serving.zones import station_zone


def last_observed(record: StationRecord, target: str) -> int | None:
    """Return the label of a target's last known value, in seconds on the station's calendar."""
    values = record.recent.values.get(target, ())
    known = (place for place in range(len(values) - 1, -1, -1) if values[place] is not None)
    place = next(known, None)
    return None if place is None else seconds_of_label(record.recent.time[place])


def station_now(record: StationRecord, now: float) -> float:
    """Return a moment, in seconds since 1970 UTC, as seconds on the station's calendar."""
    local = datetime.fromtimestamp(now, station_zone(record.card))
    return local.replace(tzinfo=UTC).timestamp()


def age_days(record: StationRecord, target: str, now: float) -> float:
    """Return the days since the last known value's step was over; infinite where there is none."""
    last = last_observed(record, target)
    if last is None:
        return math.inf
    return (station_now(record, now) - last - record.card.step_seconds) / DAY_SECONDS


def check_age(record: StationRecord, targets: Sequence[str], now: float) -> float:
    """Return for how many more seconds the observations of all targets are new enough.

    Args:
        record: the station; without a `max_age_days` nothing of it is ever too old.
        targets: what is asked for.
        now: seconds since 1970 UTC.

    Raises:
        DataTooOld: the oldest last observation is older than the station allows.
    """
    allowed = record.card.max_age_days
    if allowed is None:
        return math.inf
    observed = [each for each in targets if last_observed(record, each) is not None]
    age = max((age_days(record, each, now) for each in observed), default=-math.inf)
    if age > allowed:
        raise DataTooOld(
            "the station's last observation is too old",
            expected=f"at most {allowed:g} days",
            found=f"{math.ceil(age * 10) / 10:g} days",
        )
    return (allowed - age) * DAY_SECONDS


def last_ended(record: StationRecord, now: float) -> int:
    """Return the label of the last step that is over, in seconds on the station's calendar."""
    step = record.card.step_seconds
    return int(station_now(record, now) // step) * step - step


def until_next(record: StationRecord, now: float) -> float:
    """Return the seconds until the step that runs now is over."""
    step = record.card.step_seconds
    return step - station_now(record, now) % step
