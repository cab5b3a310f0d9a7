"""Declare what the API gives: answers and problems."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from serving.bodies import shown_key
from serving.refusals import Fault


class ModelVersion(BaseModel):
    """Which version answered, and what it was trained on."""

    name: str
    version: int
    alias: str
    run_id: str
    trained_through: str
    data_sha256: str
    skill_horizon: int | None = Field(
        description="the last lead up to which it beat climatology and damped persistence on rows "
        "it had not seen; 0 for none, null for a version older than this field"
    )


class Fallback(BaseModel):
    """A climatology that was asked for in a forecast's place, and why it stands there."""

    kind: Literal["climatology"]
    reason: str = Field(description="the code with which the forecast would have been refused")
    detail: str
    trained_through: str = Field(description="the last step that the climatology was fitted on")
    last_observed: str | None = Field(description="the last step that holds the target")


class PlacedAnswer(BaseModel):
    """What every forecast says beside its values."""

    station: str
    latitude: float
    longitude: float
    timezone: str
    origin: str = Field(description="the last step of the history; the first one follows it")
    model: ModelVersion | None = Field(
        description="which version answered; of several targets, the first; null where a "
        "climatology did"
    )
    models: dict[str, ModelVersion | None] = Field(
        default_factory=dict,
        description="which version answered for each target; only where targets were named",
    )
    fallback: Fallback | None = Field(
        default=None, description="what stands in a model's place; only there"
    )
    fallbacks: dict[str, Fallback] = Field(
        default_factory=dict, description="the same for each target; only where targets were named"
    )


class ForecastAnswer(PlacedAnswer):
    """A forecast in Open-Meteo's form: the median under the variable's name, quantiles beside.

    On past days the median is what was observed, null for a gap, and the quantiles are null.
    """

    daily_units: dict[str, str]
    daily: dict[str, list[str] | list[float | None]]


class HourlyForecastAnswer(PlacedAnswer):
    """The same for a station of hours; its labels have a date and a time."""

    hourly_units: dict[str, str]
    hourly: dict[str, list[str] | list[float | None]]


class VariableAnswer(BaseModel):
    """A variable that a posted history must name, and the values it admits."""

    name: str
    unit: str
    lower: float
    upper: float


class ModelAnswer(ModelVersion):
    """A station's champion, and what a posted history must look like for it."""

    station: str
    target: str
    unit: str
    variables: list[VariableAnswer]
    history: int = Field(description="fewest steps of a posted history; the last ones are used")
    horizon: int = Field(description="most steps of one forecast")
    levels: list[float]
    step_seconds: int
    cell: str
    members: int
    parameters: int
    targets: list[str] = Field(description="all targets of the station, the first one first")


class TargetAnswer(BaseModel):
    """What is forecast of a station, and whether it can be now."""

    target: str
    unit: str
    has_champion: bool


class StationAnswer(TargetAnswer):
    """A station this service knows, with its first target and all of them."""

    name: str
    latitude: float
    longitude: float
    timezone: str
    elevation: float | None = Field(description="metres above the sea, where it was declared")
    targets: list[TargetAnswer]
    last_observed: str | None
    licence: str
    attribution: str


class StationsAnswer(BaseModel):
    """All stations this service knows."""

    stations: list[StationAnswer]


class Problem(BaseModel):
    """An error as RFC 9457 describes it, with a code for programs and an id for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[Fault]


class BatchAnswer(BaseModel):
    """What each item of a batch is answered, in the order of the items, or why it is refused."""

    answers: list[ForecastAnswer | HourlyForecastAnswer | Problem]


def standalone_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return a model's JSON schema in one piece: OpenAPI has no `$defs` to refer to."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def inlined(part: Any) -> Any:  # noqa: ANN401 - a JSON schema is any JSON
        if isinstance(part, dict):
            name = str(part.get("$ref", "")).removeprefix("#/$defs/")
            part = definitions.get(name, part)
            return {key: inlined(below) for key, below in part.items()}
        return [inlined(each) for each in part] if isinstance(part, list) else part

    whole: dict[str, Any] = inlined(schema)
    return whole


def json_path(location: tuple[int | str, ...]) -> str:
    """Return pydantic's location as a path from the body's root, `$`."""
    steps = (f"[{part}]" if isinstance(part, int) else f".{shown_key(part)}" for part in location)
    return "$" + "".join(steps)
