"""Find the interval that a moment belongs to, on the schedule's own clock."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from prefect.client.schemas.schedules import CronSchedule
from prefect.schedules import Cron, Schedule
from prefect.server.schemas.schedules import CronSchedule as ServersSchedule
from prefect.utilities.asyncutils import run_coro_as_sync

from data_checks.declaration import Dataset
from forecasting.errors import GatecastError
from forecasting.stores.files import safe_name, short_name
from forecasting.stores.intervals import Interval, keep_from, kept_since, outcome_of

#: What the intervals of scheduled retrainings are kept under.
RETRAINING = "retraining"

#: How far back a tick is looked for, nearest first: a cron that fires every minute is found in
#: the first stretch, 29 February in the last one.
STRETCHES = (
    timedelta(hours=2),
    timedelta(days=8),
    timedelta(days=62),
    timedelta(days=400),
    timedelta(days=9 * 366),
)

#: Ticks that are read at once: the most that Prefect gives.
MOST_TICKS = 1000


class ScheduleInvalid(GatecastError):
    """The cron fields or the time zone cannot be read."""

    code = "SCHEDULE_INVALID"


def schedule_of(cron: str, timezone: str) -> Schedule:
    """Return a schedule whose parts can be read.

    Raises:
        ScheduleInvalid: the fields or the zone cannot.
    """
    try:
        # Made here for its checks only: Prefect looks at a zone when the deployment is made.
        CronSchedule(cron=cron, timezone=timezone)
        return Cron(cron, timezone=timezone)
    except ValueError as error:
        raise ScheduleInvalid(
            "the schedule cannot be read",
            expected="five cron fields and an IANA time zone",
            found=f"{cron!r} in {timezone!r}",
        ) from error


def latest_tick(cron: str, timezone: str, moment: datetime) -> datetime:
    """Return the schedule's last tick at or before a moment, as Prefect's scheduler counts.

    A time that daylight saving skips ticks once, an hour that it repeats does not tick twice.

    Args:
        cron: five cron fields.
        timezone: IANA time zone of the fields.
        moment: with a zone.

    Raises:
        ScheduleInvalid: the fields or the zone cannot be read, or nothing ticks within years.
    """
    schedule = _servers_schedule(cron, timezone)
    for stretch in STRETCHES:
        with suppress(ValueError):  # no day of any year is the one that the fields name
            tick = _last_between(schedule, moment - stretch, moment)
            if tick is not None:
                return tick
    raise ScheduleInvalid(
        "the schedule has not ticked in years", expected="a cron that ticks", found=cron
    )


@lru_cache(maxsize=64)
def _servers_schedule(cron: str, timezone: str) -> ServersSchedule:
    """Return what Prefect's scheduler counts with; each that is made reads all zones' names."""
    schedule_of(cron, timezone)
    return ServersSchedule(cron=cron, timezone=timezone)


def _last_between(schedule: ServersSchedule, start: datetime, end: datetime) -> datetime | None:
    """Return the last tick of a stretch, read on page by page; None where it has none."""
    last: datetime | None = None
    while True:
        asked = schedule.get_dates(n=MOST_TICKS, start=start, end=end)
        found: list[datetime] = run_coro_as_sync(asked) or []
        ticks = [tick for tick in found if tick <= end]
        last = max(ticks, default=last)
        if last is None or len(found) < MOST_TICKS:
            return last
        start = max(found) + timedelta(seconds=1)


def subject_of(parts: Sequence[Dataset]) -> str:
    """Return whose retraining it is: the station's, or a dataset's of several stations.

    Where one of several targets was named, it stands behind that: the others are another's.
    """
    stations, targets = {part.place.name for part in parts}, {part.target for part in parts}
    whole = stations.pop() if len(stations) == 1 else parts[0].name
    if len(targets) == len(parts[0].every_target):
        return whole
    return short_name(f"{whole}--{targets.pop()}")


def retraining_of(parts: Sequence[Dataset], tick: datetime) -> Interval:
    """Return the interval of a scheduled retraining that begins with a tick."""
    return Interval(kind=RETRAINING, key=safe_name(subject_of(parts)), tick=tick)


def missed(
    root: Path, parts: Sequence[Dataset], cron: str, timezone: str, now: datetime
) -> Interval | None:
    """Return the one interval that a stopped schedule owes: its newest that nobody worked.

    However many ticks were missed, one is caught up. A schedule that was never kept owes none;
    from now on it is kept.

    Raises:
        ScheduleInvalid: as `latest_tick`.
    """
    interval = retraining_of(parts, latest_tick(cron, timezone, now))
    since = kept_since(root, interval)
    if since is None or since > now:  # never kept, or the clock has been set back
        keep_from(root, interval, now)
        return None
    if interval.tick <= since or outcome_of(root, interval) is not None:
        return None
    return interval
