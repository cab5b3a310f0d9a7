"""Say what is usual at a station where no model can answer, marked as that and with the reason."""

import numpy as np

from forecasting.errors import GatecastError, ModelOutputInvalid, NoChampion
from forecasting.stores.stations import StationRecord
from serving.answers import Outcome, Reach
from serving.freshness import last_observed
from serving.history import label_of
from serving.refusals import (
    DataTooOld,
    HistoryTooShort,
    NoClimatology,
    NoUsableHistory,
    StationUnobserved,
)

#: In the place of which refusals a climatology can stand; any other is the request's own fault.
REPLACEABLE = (
    DataTooOld,
    HistoryTooShort,
    ModelOutputInvalid,
    NoChampion,
    NoUsableHistory,
    StationUnobserved,
)


def usual_outcome(
    record: StationRecord, target: str, origin: int, reach: Reach, reason: GatecastError
) -> Outcome:
    """Return the climatology of the steps after an origin.

    Args:
        record: the station.
        target: what of it.
        origin: the label before the first step, in seconds on the station's calendar.
        reach: how far ahead, of as many steps as the station's models look.
        reason: why no model answers.

    Raises:
        NoClimatology: none is kept.
        RequestRefused: as `Reach.steps`.
    """
    card = record.card
    table = record.climatologies.get(target)
    declared = next((each for each in card.variables if each.name == target), None)
    if table is None or declared is None:
        raise NoClimatology(
            f"no climatology of {target} is kept in the place of what failed ({reason.code})",
            expected="a retrain of the station",
        ) from reason
    seconds = origin + np.arange(1, reach.steps(card) + 1, dtype=np.int64) * card.step_seconds
    last = last_observed(record, target)
    return Outcome(
        target=target,
        unit=declared.unit,
        levels=table.levels,
        origin=origin,
        # Rain is never less than none: no quantile leaves the range that the checks admit.
        quantiles=np.clip(table.quantiles(seconds), declared.lower, declared.upper),
        model=None,
        fallback={
            "kind": "climatology",
            "reason": reason.code,
            "detail": str(reason),
            "trained_through": table.through,
            "last_observed": None if last is None else label_of(last, card.step_seconds),
        },
    )
