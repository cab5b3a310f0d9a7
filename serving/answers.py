"""Put a forecast, a model and a station into the form in which the API answers."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from forecasting.stores.published import ModelCard, Pointer
from forecasting.stores.stations import StationCard, StationRecord
from serving.columns import Layout, layout_of, rounded
from serving.forms import PLAIN, Form
from serving.history import DAY_SECONDS, History, label_of, seconds_of_label
from serving.refusals import Fault, RequestRefused
from serving.runtime import Forecaster
from serving.zones import AUTO, zone_shift

HOUR_SECONDS: Final = 3_600


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How far ahead is asked for: in days, in hours, or the whole horizon when neither is said."""

    days: int | None = None
    hours: int | None = None

    def steps(self, card: ModelCard | StationCard) -> int:
        """Return the steps ahead, of a model or of its station.

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


def block_of(card: ModelCard | StationCard) -> str:
    """Return under which name Open-Meteo gives values of the model's step."""
    return "daily" if card.step_seconds >= DAY_SECONDS else "hourly"


def values_of(answer: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """Return an answer's units and its columns, whatever its step is."""
    block = "daily" if "daily" in answer else "hourly"
    return answer[f"{block}_units"], answer[block]


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


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is known of one target's coming steps, before it is written in some form.

    `quantiles` is (steps, levels) in `unit`, ascending along the last axis; `model` names the
    version, or `fallback` says what stands in its place and why.
    """

    target: str
    unit: str
    levels: tuple[float, ...]
    origin: int
    quantiles: NDArray[np.float64]
    model: dict[str, Any] | None
    fallback: dict[str, Any] | None = None


def model_outcome(forecaster: Forecaster, origin: int, quantiles: NDArray[np.float64]) -> Outcome:
    """Return what a champion says of the steps after an origin: (steps, levels)."""
    card = forecaster.card
    return Outcome(
        target=card.target,
        unit=card.unit,
        levels=card.levels,
        origin=origin,
        quantiles=quantiles,
        model=model_version(card, forecaster.pointer),
    )


def forecast_answer(
    record: StationRecord,
    forecaster: Forecaster,
    history: History,
    reach: Reach = WHOLE,
    form: Form = PLAIN,
) -> dict[str, Any]:
    """Forecast and return the whole answer, as the API and the command line give it.

    Args:
        record: the station.
        forecaster: its champion.
        history: the steps before the forecast.
        reach: how far ahead.
        form: how it is written.

    Raises:
        RequestRefused: as `Reach.steps` and `written`.
        ModelOutputInvalid: the forecast is not finite or not in order.
    """
    wanted = reach.steps(forecaster.card)
    quantiles = forecaster.quantiles(history.values, history.origin)[:wanted]
    return written(record, model_outcome(forecaster, history.origin, quantiles), form)


def written(record: StationRecord, outcome: Outcome, form: Form = PLAIN) -> dict[str, Any]:
    """Return the answer for one target, in the form that is asked for.

    Raises:
        RequestRefused: an interval that is not there, or labels that cannot be moved.
    """
    step, block = record.card.step_seconds, block_of(record.card)
    shown, ahead = form.past_days * DAY_SECONDS // step, len(outcome.quantiles)
    leads = range(min(0, 1 - shown), ahead + 1)
    seconds = [outcome.origin + lead * step for lead in leads]
    moved = zone_shift(record.card, form.timezone, seconds)
    layout = layout_of(outcome.target, outcome.unit, outcome.levels, form)
    columns = _columns(record, outcome, layout, form, seconds[:shown])
    answer = {
        "station": record.card.name,
        "latitude": record.card.latitude,
        "longitude": record.card.longitude,
        "timezone": record.card.timezone if form.timezone == AUTO else form.timezone,
        "origin": label_of(moved[leads.index(0)], step),
        f"{block}_units": {
            "time": "iso8601",
            **dict.fromkeys(columns, layout.unit),
        },
        block: {
            "time": [label_of(label, step) for label in moved[len(moved) - shown - ahead :]],
            **columns,
        },
        "model": outcome.model,
    }
    return answer if outcome.fallback is None else {**answer, "fallback": outcome.fallback}


def merged(answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Join the answers for several targets of one station: the others' columns go to the first.

    `model` stays the first target's; `models` has each by its target, and `fallbacks` each
    climatology that stands in a model's place. Where one looks less far ahead, all end with it.
    """
    block = "daily" if "daily" in answers[0] else "hourly"
    steps = min(len(answer[block]["time"]) for answer in answers)
    columns = {name: each for answer in answers for name, each in answer[block].items()}
    units = {name: each for answer in answers for name, each in answer[f"{block}_units"].items()}
    # After the time comes the median, under the target's own name.
    by_target = {list(answer[block])[1]: answer for answer in answers}
    fallbacks = {name: each["fallback"] for name, each in by_target.items() if "fallback" in each}
    joined = {
        **answers[0],
        f"{block}_units": units,
        block: {name: each[:steps] for name, each in columns.items()},
        "models": {name: answer["model"] for name, answer in by_target.items()},
    }
    if not fallbacks:
        return joined
    return {**joined, "fallback": next(iter(fallbacks.values())), "fallbacks": fallbacks}


def encode(answer: dict[str, Any] | list[dict[str, Any]]) -> bytes:
    """Return the answer as compact JSON; refuses NaN, which JSON does not have."""
    body = orjson.dumps(answer)
    if b"null" not in body:
        return body
    # The fast writer makes a NaN null too: only what has no null at all is its work.
    return json.dumps(answer, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def _columns(
    record: StationRecord, outcome: Outcome, layout: Layout, form: Form, past: Sequence[int]
) -> dict[str, list[float | None]]:
    """Return one list a level, the median first; before it, what was observed at past labels."""
    given = outcome.quantiles[:, layout.places]
    if layout.unit != outcome.unit:
        given = form.units.convert(given, outcome.unit)
    columns = dict(zip(layout.names, rounded(given).T.tolist(), strict=True))
    if past:
        for column in columns.values():
            column[:0] = [None] * len(past)
        columns[outcome.target][: len(past)] = _observed(record, outcome, form, past)
    return columns


def _observed(
    record: StationRecord, outcome: Outcome, form: Form, past: Sequence[int]
) -> list[float | None]:
    """Return the target's observed value at each label, None where none is kept."""
    recent = record.recent
    kept = zip(recent.time, recent.values.get(outcome.target, ()), strict=False)
    known = {seconds_of_label(label): value for label, value in kept if value is not None}
    values = np.array([known.get(label, np.nan) for label in past])
    given = rounded(form.units.convert(values, outcome.unit)).tolist()
    return [value if np.isfinite(value) else None for value in given]
