"""Read the service's answers into typed objects; what a newer service says beside is left out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Version:
    """Which version answered, and what it was trained on."""

    name: str
    version: int
    alias: str
    run_id: str
    trained_through: str
    data_sha256: str
    skill_horizon: int | None


@dataclass(frozen=True, kw_only=True)
class Fallback:
    """The climatology in a model's place, and why it stands there."""

    kind: str
    reason: str
    detail: str
    trained_through: str
    last_observed: str | None


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A forecast: one label a step, and one list a series with the unit of each.

    `values` has the median under the target's own name and every quantile beside it; `model` is
    None where `fallback` says why a climatology answered.
    """

    station: str
    latitude: float
    longitude: float
    timezone: str
    origin: str
    time: tuple[str, ...]
    values: Mapping[str, tuple[float | None, ...]]
    units: Mapping[str, str]
    model: Version | None
    models: Mapping[str, Version | None] = field(default_factory=dict)
    fallback: Fallback | None = None


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A variable that a posted history must name, and the values it admits."""

    name: str
    unit: str
    lower: float
    upper: float


@dataclass(frozen=True, kw_only=True)
class Model:
    """A station's champion, and what a posted history must look like for it."""

    version: Version
    station: str
    target: str
    unit: str
    variables: tuple[Variable, ...]
    history: int
    horizon: int
    levels: tuple[float, ...]
    step_seconds: int
    targets: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Station:
    """A station that the service knows."""

    name: str
    latitude: float
    longitude: float
    timezone: str
    target: str
    unit: str
    has_champion: bool
    last_observed: str | None
    targets: tuple[str, ...]


def read_forecast(answer: Mapping[str, Any]) -> Forecast:
    """Read a forecast's JSON."""
    block = "daily" if "daily" in answer else "hourly"
    columns, units = dict(answer[block]), dict(answer[f"{block}_units"])
    units.pop("time")
    model, fallback = answer["model"], answer.get("fallback")
    return Forecast(
        station=answer["station"],
        latitude=answer["latitude"],
        longitude=answer["longitude"],
        timezone=answer["timezone"],
        origin=answer["origin"],
        time=tuple(columns.pop("time")),
        values={name: tuple(column) for name, column in columns.items()},
        units=units,
        model=read_version(model),
        models={name: read_version(each) for name, each in answer.get("models", {}).items()},
        fallback=None if fallback is None else Fallback(**_known(Fallback, fallback)),
    )


def read_version(answer: Mapping[str, Any] | None) -> Version | None:
    """Read a version's JSON."""
    return None if answer is None else Version(**_known(Version, answer))


def read_model(answer: Mapping[str, Any]) -> Model:
    """Read a model's JSON."""
    own = _known(Model, answer) | {"version": Version(**_known(Version, answer))}
    own["variables"] = tuple(Variable(**_known(Variable, each)) for each in answer["variables"])
    return Model(**own | {name: tuple(answer[name]) for name in ("levels", "targets")})


def read_station(answer: Mapping[str, Any]) -> Station:
    """Read a station's JSON."""
    targets = tuple(each["target"] for each in answer["targets"])
    return Station(**_known(Station, answer) | {"targets": targets})


def _known(kind: type[Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a class has: a newer service may say more."""
    return {name: answer[name] for name in kind.__dataclass_fields__ if name in answer}
