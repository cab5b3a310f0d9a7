"""Declare what the API takes and gives; strict, and silent about what was sent."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from serving.bodies import shown_key
from serving.refusals import Fault, RequestRefused

#: Most steps a posted history may have: 54 years of days.
HISTORY_STEPS: Final = 20_000

StationName = Annotated[str, Field(min_length=1, max_length=64, examples=["seattle"])]
# Without fail_fast a megabyte of wrong numbers stalls a worker for 17 s (facts.md).
Column = Annotated[list[float | None], Field(max_length=HISTORY_STEPS, fail_fast=True)]
ForecastDays = Annotated[
    int | None,
    Field(ge=1, description="days ahead; the model's whole horizon when left out"),
]
ForecastHours = Annotated[
    int | None,
    Field(ge=1, description="the same in hours, for a station of hours; not beside the days"),
]
Targets = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=2000,
        description="targets of a station of days, with commas between them; its first when left "
        "out, and then without `models`",
        examples=["temperature_2m_mean,wind_speed_10m_mean"],
    ),
]
HourlyTargets = Annotated[
    str | None,
    Field(min_length=1, max_length=2000, description="the same for a station of hours"),
]
TargetList = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=64)]] | None,
    Field(min_length=1, max_length=100, description="targets, as in the query of the same name"),
]
Label = Annotated[str, Field(max_length=19)]


class HistoryBody(BaseModel):
    """Consecutive steps, oldest first: their labels, and one list per variable of the model."""

    model_config = ConfigDict(
        strict=True,
        extra="allow",
        allow_inf_nan=False,
        json_schema_extra={
            "examples": [{"time": ["2015-12-30", "2015-12-31"], "temperature_2m_mean": [4.4, None]}]
        },
    )
    __pydantic_extra__: dict[str, Column]

    time: Annotated[
        list[Label],
        Field(
            min_length=1,
            max_length=HISTORY_STEPS,
            fail_fast=True,
            description="ISO 8601 labels on the station's calendar, one step apart",
        ),
    ]

    @property
    def columns(self) -> dict[str, list[float | None]]:
        """The variables' values by name, None for a gap."""
        return self.__pydantic_extra__


class ForecastBody(BaseModel):
    """Ask for the steps that follow a history of your own."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    station: StationName
    history: HistoryBody
    daily: TargetList = None
    hourly: TargetList = None
    forecast_days: ForecastDays = None
    forecast_hours: ForecastHours = None


class ForecastQuery(BaseModel):
    """Ask for the steps that follow the station's last admitted day."""

    model_config = ConfigDict(extra="forbid")

    station: StationName
    daily: Targets = None
    hourly: HourlyTargets = None
    forecast_days: ForecastDays = None
    forecast_hours: ForecastHours = None


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


class PlacedAnswer(BaseModel):
    """What every forecast says beside its values."""

    station: str
    latitude: float
    longitude: float
    timezone: str
    origin: str = Field(description="the last step of the history; the first one follows it")
    model: ModelVersion = Field(description="which version answered; of several targets, the first")
    models: dict[str, ModelVersion] = Field(
        default_factory=dict,
        description="which version answered for each target; only where targets were named",
    )


class ForecastAnswer(PlacedAnswer):
    """A forecast in Open-Meteo's form: the median under the variable's name, quantiles beside."""

    daily_units: dict[str, str]
    daily: dict[str, list[str] | list[float]]


class HourlyForecastAnswer(PlacedAnswer):
    """The same for a station of hours; its labels have a date and a time."""

    hourly_units: dict[str, str]
    hourly: dict[str, list[str] | list[float]]


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


def read_forecast_body(parsed: object) -> ForecastBody:
    """Check a parsed JSON body.

    Raises:
        RequestRefused: a field is missing, unknown, or of the wrong type; names each path.
    """
    try:
        return ForecastBody.model_validate(parsed)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        faults = [Fault(path=json_path(detail["loc"]), message=detail["msg"]) for detail in details]
        raise RequestRefused("the request's body is not valid", faults) from error


def json_path(location: tuple[int | str, ...]) -> str:
    """Return pydantic's location as a path from the body's root, `$`."""
    steps = (f"[{part}]" if isinstance(part, int) else f".{shown_key(part)}" for part in location)
    return "$" + "".join(steps)
