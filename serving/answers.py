"""Put a forecast into Open-Meteo's form; keep the encoded answers to the usual question."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from forecasting.stores.published import ModelCard, Pointer
from forecasting.stores.stations import StationRecord
from serving.champions import Champions, model_name
from serving.history import DAY_SECONDS, History, label_of, recent_history
from serving.records import Records
from serving.refusals import Fault, RequestRefused
from serving.runtime import Forecaster

HOUR_SECONDS: Final = 3_600

#: Digits kept of a value: finer than batches differ (facts.md), coarser than float32.
DECIMALS = 4


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How far ahead is asked for: in days, in hours, or the whole horizon when neither is said."""

    days: int | None = None
    hours: int | None = None

    def steps(self, card: ModelCard) -> int:
        """Return the steps ahead.

        Raises:
            RequestRefused: more than the model forecasts, not in its steps, or said twice.
        """
        if self.days is None and self.hours is None:
            return card.horizon
        hourly = card.step_seconds < DAY_SECONDS
        if self.hours is not None and (self.days is not None or not hourly):
            message = "goes without forecast_days" if hourly else "the station has days, not hours"
            raise RequestRefused(message, [Fault(path="forecast_hours", message=message)])
        field = "forecast_days" if self.hours is None else "forecast_hours"
        length = DAY_SECONDS if self.hours is None else HOUR_SECONDS
        asked = self.days or self.hours or 0
        steps = asked * length // card.step_seconds
        if not 1 <= steps <= card.horizon:
            message = f"the model forecasts 1 to {card.horizon} {'hours' if hourly else 'days'}"
            raise RequestRefused(message, [Fault(path=field, message=message)])
        return steps


#: Ask for everything that a model forecasts.
WHOLE = Reach()


def block_of(card: ModelCard) -> str:
    """Return under which name Open-Meteo gives values of the model's step."""
    return "daily" if card.step_seconds >= DAY_SECONDS else "hourly"


def values_of(answer: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """Return an answer's units and its columns, whatever its step is."""
    block = "daily" if "daily" in answer else "hourly"
    return answer[f"{block}_units"], answer[block]


def series_names(card: ModelCard) -> tuple[str, ...]:
    """Return the name of each level's series: the median under the target's own name.

    Levels 0.025, 0.5 and 0.9 of `rain` are `rain_p2_5`, `rain` and `rain_p90`.
    """
    return tuple(
        card.target
        if level == 0.5
        else f"{card.target}_p{format(level * 100, 'g').replace('.', '_')}"
        for level in card.levels
    )


def model_version(card: ModelCard, pointer: Pointer) -> dict[str, Any]:
    """Return what names the version in an answer."""
    return {
        "name": pointer.model,
        "version": pointer.version,
        "alias": pointer.alias,
        "run_id": pointer.run_id,
        "trained_through": card.trained_through,
        "data_sha256": card.data_sha256,
        "skill_horizon": card.skill_horizon,
    }


def station_answer(record: StationRecord, live_models: Collection[str]) -> dict[str, Any]:
    """Return how a station stands in the list of all stations."""
    card = record.card
    return {
        "name": card.name,
        "latitude": card.latitude,
        "longitude": card.longitude,
        "timezone": card.timezone,
        "target": card.target,
        "unit": next(each.unit for each in card.variables if each.name == card.target),
        "last_observed": record.recent.time[-1] if record.recent.time else None,
        "has_champion": model_name(card.name) in live_models,
        "licence": card.licence,
        "attribution": card.attribution,
    }


def model_answer(record: StationRecord, forecaster: Forecaster) -> dict[str, Any]:
    """Return what a client must know of a station's champion before posting a history."""
    card = forecaster.card
    declared = {variable.name: variable for variable in record.card.variables}
    return {
        **model_version(card, forecaster.pointer),
        "station": card.station,
        "target": card.target,
        "unit": card.unit,
        "variables": [asdict(declared[name]) for name in card.variables if name in declared],
        "history": card.history,
        "horizon": card.horizon,
        "levels": list(card.levels),
        "step_seconds": card.step_seconds,
        "cell": card.cell,
        "members": card.members,
        "parameters": card.parameters,
    }


def forecast_answer(
    record: StationRecord, forecaster: Forecaster, history: History, reach: Reach = WHOLE
) -> dict[str, Any]:
    """Forecast and return the whole answer, as the API and the command line give it.

    Args:
        record: the station.
        forecaster: its champion.
        history: the steps before the forecast.
        reach: how far ahead.

    Raises:
        RequestRefused: as `Reach.steps`.
        ModelOutputInvalid: the forecast is not finite or not in order.
    """
    card = forecaster.card
    wanted, block = reach.steps(card), block_of(card)
    quantiles = forecaster.quantiles(history.values, history.origin)[:wanted]
    steps = [history.origin + (lead + 1) * card.step_seconds for lead in range(wanted)]
    columns = _columns(card, quantiles)
    return {
        "station": record.card.name,
        "latitude": record.card.latitude,
        "longitude": record.card.longitude,
        "timezone": record.card.timezone,
        "origin": label_of(history.origin, card.step_seconds),
        f"{block}_units": {"time": "iso8601", **dict.fromkeys(columns, card.unit)},
        block: {
            "time": [label_of(step, card.step_seconds) for step in steps],
            **columns,
        },
        "model": model_version(card, forecaster.pointer),
    }


def encode(answer: dict[str, Any]) -> bytes:
    """Return the answer as compact JSON; refuses NaN, which JSON does not have."""
    return json.dumps(answer, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


class Answers:
    """The encoded answers from the stations' own days, computed once per champion and record.

    An entry counts only for the very forecaster and record it was made from, so that a swap
    or a new day needs no clearing: the next request makes the entry anew.

    Args:
        records: the stations.
        champions: their live models.
    """

    def __init__(self, records: Records, champions: Champions) -> None:
        self._records = records
        self._champions = champions
        self._kept: dict[tuple[str, Reach], tuple[StationRecord, Forecaster, bytes]] = {}

    def parts(self, station: str) -> tuple[StationRecord, Forecaster]:
        """Return a station's record and champion.

        Raises:
            StationUnknown: no such station has been admitted.
            NoChampion: it has no promoted model.
        """
        record = self._records.of(station)
        return record, self._champions.of(model_name(record.card.name))

    def kept(self, station: str, days: int | None, hours: int | None = None) -> bytes | None:
        """Return the encoded answer if it has been computed; raises as `parts` does."""
        record, forecaster = self.parts(station)
        entry = self._kept.get((station, Reach(days=days, hours=hours)))
        if entry is None or entry[0] is not record or entry[1] is not forecaster:
            return None
        return entry[2]

    def compute(self, station: str, days: int | None, hours: int | None = None) -> bytes:
        """Compute, keep and return the encoded answer.

        Raises:
            RequestRefused: as `Reach.steps`.
            StationUnobserved: the station's own days are not enough.
            ModelOutputInvalid: the forecast is not finite or not in order.
        """
        record, forecaster = self.parts(station)
        reach = Reach(days=days, hours=hours)
        history = recent_history(record, forecaster.card)
        encoded = encode(forecast_answer(record, forecaster, history, reach))
        self._kept[station, reach] = (record, forecaster, encoded)
        return encoded


def _columns(card: ModelCard, quantiles: NDArray[np.float64]) -> dict[str, list[float]]:
    """Return one list a level from (steps, levels), the median first."""
    rounded = np.round(quantiles, DECIMALS) + 0.0  # Plus zero: -0.0 reads like a fault.
    columns = zip(series_names(card), rounded.T.tolist(), strict=True)
    return dict(sorted(columns, key=lambda column: column[0] != card.target))
