"""The flow that a schedule runs: one retraining an interval, whatever the clock and Prefect do."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from data_checks.declaration import Dataset
from forecasting.errors import GatecastError
from forecasting.settings import load_settings
from forecasting.stores.intervals import once
from forecasting.stores.liveness import claimed
from forecasting.stores.locks import TurnTaken
from pipelines.catalogue import find_parts, part_names
from pipelines.climate import retrain_climate
from pipelines.operations.due import AGE, Reason, due, reasons_of_champion
from pipelines.operations.ticks import latest_tick, retraining_of
from pipelines.telling import tell

#: How far the server's clock may go before ours, without its tick being taken for the one before.
CLOCKS_APART = timedelta(minutes=1)


@flow(name="scheduled-retraining", flow_run_name="scheduled-{dataset}-{preset}")
def retrain_on_schedule(
    dataset: str = "seattle",
    preset: str = "default",
    cron: str = "0 6 * * *",
    timezone: str | None = None,
    *,
    again: bool = False,
    when_due: bool = False,
) -> dict[str, Any]:
    """Retrain for the interval that has begun last, once: a second run returns what came of it.

    Args:
        dataset: a shipped dataset or the path of a TOML file.
        preset: which preset is trained.
        cron: the schedule's five fields; the interval is computed from them.
        timezone: IANA time zone of the fields; the (first) station's own when None.
        again: train although the interval has an outcome, as a person may want to.
        when_due: train only where something beside the clock says so (`gatecast due`).

    Returns:
        The outcome, with the `interval` and whether it is `repeated`; only these and `dropped`
        where another run worked the interval, or was retraining the station.
    """
    settings, parts = load_settings(), find_parts(dataset)
    zone = timezone or parts[0].place.timezone
    interval = retraining_of(parts, latest_tick(cron, zone, moment_of_run(datetime.now(UTC))))
    told = {"interval": interval.name, "repeated": False}
    try:
        with claimed(settings.root, flow_run.id):
            worked = once(
                settings.root,
                interval,
                lambda: retrain_or_say_why_not(dataset, preset, when_due=when_due),
                again=again,
                address=settings.lock_address,
            )
    except TurnTaken as error:
        return told | {"dropped": str(error)}
    return worked.outcome | told | {"repeated": worked.repeated}


def retrain_or_say_why_not(dataset: str, preset: str, *, when_due: bool) -> dict[str, Any]:
    """Look whether a retraining is due, tell of a stale champion, and train where it is to be."""
    parts = part_names(dataset)
    tell_of_stale(parts)
    reasons = reasons_of(parts)
    if reasons is None:
        # Landing is tried again by the flow's own step, and what cannot be told is trained.
        outcome: dict[str, Any] = retrain_climate(dataset=dataset, preset=preset)
        return outcome | {"due": None}
    told = {"due": [asdict(reason) for reason in reasons]}
    if when_due and not reasons:
        return told | {"trained": False}
    outcome = retrain_climate(dataset=dataset, preset=preset)
    return outcome | told


def tell_of_stale(parts: Mapping[str, Dataset]) -> None:
    """Tell of each champion that is too old, whether or not its station's source can be asked."""
    settings, now = load_settings(), datetime.now(UTC)
    for part in parts.values():
        for trigger, found in reasons_of_champion(settings, part.model, now):
            if trigger == AGE:
                tell("champion-stale", part.model, {"found": found})


def reasons_of(parts: Mapping[str, Dataset]) -> list[Reason] | None:
    """Return why a retraining is due; None where a station could not be asked."""
    settings, now = load_settings(), datetime.now(UTC)
    try:
        found = [due(settings, name, part, now) for name, part in parts.items()]
    except GatecastError:
        # The retraining meets it again, and there it stops its own station only.
        return None
    return [reason for each in found for reason in each.reasons]


def moment_of_run(now: datetime) -> datetime:
    """Return the moment for which this flow run counts: its tick, where our clock is just behind.

    Every other time is our clock's: runs that come late, however many, count as one for now.
    """
    scheduled = flow_run.scheduled_start_time
    if scheduled is not None and now <= scheduled <= now + CLOCKS_APART:
        return datetime.fromtimestamp(scheduled.timestamp(), UTC)
    return now
