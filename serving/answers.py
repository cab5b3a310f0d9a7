"""Put a forecast, a model and a station into the form in which the API answers."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from forecasting.stores.published import ModelCard, Pointer
from forecasting.stores.stations import StationRecord
from serving.history import DAY_SECONDS, History, label_of
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
        "elevation": card.elevation,
        **_target_answer(record, card.target, live_models),
        "targets": [_target_answer(record, each, live_models) for each in card.every_target],
        "last_observed": record.recent.time[-1] if record.recent.time else None,
        "licence": card.licence,
        "attribution": card.attribution,
    }


def _target_answer(
    record: StationRecord, target: str, live_models: Collection[str]
) -> dict[str, Any]:
    """Return a target of a station with its unit, and whether it can be forecast now."""
    units = {each.name: each.unit for each in record.card.variables}
    live = record.card.model(target) in live_models
    return {"target": target, "unit": units[target], "has_champion": live}


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
        "targets": list(record.card.every_target),
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


def merged(answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Join the answers for several targets of one station: the others' columns go to the first.

    `model` stays the first target's; `models` has each by its target. Where one looks less far
    ahead, all end with it.
    """
    block = "daily" if "daily" in answers[0] else "hourly"
    steps = min(len(answer[block]["time"]) for answer in answers)
    columns = {name: each for answer in answers for name, each in answer[block].items()}
    units = {name: each for answer in answers for name, each in answer[f"{block}_units"].items()}
    models = {}
    for answer in answers:
        _, target = list(answer[block])[:2]  # the time, then the median under the target's name
        models[target] = answer["model"]
    return {
        **answers[0],
        f"{block}_units": units,
        block: {name: each[:steps] for name, each in columns.items()},
        "models": models,
    }


def encode(answer: dict[str, Any]) -> bytes:
    """Return the answer as compact JSON; refuses NaN, which JSON does not have."""
    return json.dumps(answer, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def _columns(card: ModelCard, quantiles: NDArray[np.float64]) -> dict[str, list[float]]:
    """Return one list a level from (steps, levels), the median first."""
    rounded = np.round(quantiles, DECIMALS) + 0.0  # Plus zero: -0.0 reads like a fault.
    columns = zip(series_names(card), rounded.T.tolist(), strict=True)
    return dict(sorted(columns, key=lambda column: column[0] != card.target))
