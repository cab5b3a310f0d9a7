"""Declare what the API is asked: queries and bodies; strict, and silent about what was sent."""

from dataclasses import replace
from typing import Annotated, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from serving.answers import Reach
from serving.forms import INTERVALS, PAST_DAYS, Form, check_intervals, read_intervals
from serving.refusals import Fault, RequestRefused
from serving.schemas import json_path
from serving.selection import Selection, split_names
from serving.units import PrecipitationUnit, TemperatureUnit, UnitWords, WindSpeedUnit
from serving.wishes import Wish
from serving.zones import AUTO

#: Most forecasts of one POST, and most stations of one GET.
BATCH_ITEMS: Final = 100
STATIONS: Final = 25

#: Most steps a posted history may have: 54 years of days.
HISTORY_STEPS: Final = 20_000

#: The words of a body that says nothing of how it is to be answered, as nearly all are.
NOTHING_SAID: Final = {"station", "history"}

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
PastDays = Annotated[
    int,
    Field(ge=0, le=PAST_DAYS, description="the station's last observed days before the forecast"),
]
Zone = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        description="zone of the labels: `auto`, the station's own, or for a station of hours any "
        "other that its hours can be said in",
        examples=["auto"],
    ),
]
Levels = Annotated[
    list[Annotated[float, Field(gt=0, lt=100)]] | None,
    Field(
        min_length=1,
        max_length=INTERVALS,
        description="intervals in percent beside the median, all when left out",
        examples=[[80, 95]],
    ),
]
Format = Literal["json", "csv"]
Label = Annotated[str, Field(max_length=19)]


Asked = TypeVar("Asked", bound=BaseModel)


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


class AskedWords(BaseModel):
    """The words that a query and a body share."""

    forecast_days: ForecastDays = None
    forecast_hours: ForecastHours = None
    timezone: Zone = AUTO
    temperature_unit: TemperatureUnit | None = None
    wind_speed_unit: WindSpeedUnit | None = None
    precipitation_unit: PrecipitationUnit | None = None
    fallback: Annotated[
        bool,
        Field(description="answer with a climatology, marked as one, where no model can answer"),
    ] = False

    def _units(self) -> UnitWords:
        return UnitWords(
            temperature=self.temperature_unit,
            wind_speed=self.wind_speed_unit,
            precipitation=self.precipitation_unit,
        )

    def _reach(self) -> Reach:
        return Reach(days=self.forecast_days, hours=self.forecast_hours)


class PostedWords(AskedWords):
    """What every body says of one forecast."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    station: StationName
    daily: TargetList = None
    hourly: TargetList = None
    level: Levels = None

    def _wish(self, *, past_days: int = 0, csv: bool = False) -> Wish:
        if self.model_fields_set == NOTHING_SAID:
            return Wish(station=self.station)
        form = Form(
            intervals=check_intervals(self.level),
            units=self._units(),
            past_days=past_days,
            timezone=self.timezone,
            csv=csv,
        )
        return Wish(
            station=self.station,
            selection=Selection.of(self.daily, self.hourly),
            reach=self._reach(),
            form=form,
            fallback=self.fallback,
        )


class ForecastBody(PostedWords):
    """Ask for the steps that follow a history of your own."""

    history: HistoryBody
    format: Format = "json"

    def wish(self) -> Wish:
        """Return what is asked for.

        Raises:
            RequestRefused: words that contradict each other.
        """
        return self._wish(csv=self.format == "csv")


class BatchItem(PostedWords):
    """One forecast of many: after a history of your own, or after the station's own days."""

    history: HistoryBody | None = None
    past_days: PastDays = 0

    def wish(self) -> Wish:
        """Return what is asked for.

        Raises:
            RequestRefused: words that contradict each other.
        """
        if self.history is not None and self.past_days:
            message = "shows the station's own days; leave it out beside a history"
            raise RequestRefused(message, [Fault(path="$.past_days", message=message)])
        return self._wish(past_days=self.past_days)


class BatchBody(BaseModel):
    """Ask for many forecasts at once; each is read by itself, so that one cannot fail others."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    items: Annotated[list[BatchItem], Field(min_length=1, max_length=BATCH_ITEMS)]


class ForecastQuery(AskedWords):
    """Ask for the steps that follow the station's last admitted day."""

    model_config = ConfigDict(extra="forbid")

    station: Annotated[
        str,
        Field(
            min_length=1,
            max_length=2000,
            description="a station, or several with commas between them: then the answer is a list",
            examples=["seattle"],
        ),
    ]
    daily: Targets = None
    hourly: HourlyTargets = None
    past_days: PastDays = 0
    level: Annotated[
        list[Annotated[str, Field(max_length=200)]] | None,
        Field(
            max_length=INTERVALS,
            description="intervals in percent beside the median, all when left out",
            examples=[["80,95"]],
        ),
    ] = None
    format: Format = "json"

    def wishes(self) -> tuple[Wish, ...]:
        """Return what is asked for, one wish a station.

        Raises:
            RequestRefused: words that contradict each other, or too many stations.
        """
        stations = split_names(self.station) or ()
        if len(stations) > STATIONS:
            message = f"at most {STATIONS} stations at a time"
            raise RequestRefused(message, [Fault(path="station", message=message)])
        form = Form(
            intervals=read_intervals(self.level),
            units=self._units(),
            past_days=self.past_days,
            timezone=self.timezone,
            csv=self.format == "csv",
        )
        selection = Selection.of(split_names(self.daily), split_names(self.hourly))
        one = Wish(
            station="", selection=selection, reach=self._reach(), form=form, fallback=self.fallback
        )
        return tuple(replace(one, station=station) for station in stations)


def read_forecast_body(parsed: object) -> ForecastBody:
    """Check the parsed JSON body of one forecast; raises as `read_batch_item` does."""
    return _read(ForecastBody, parsed)


def read_batch_item(parsed: object) -> BatchItem:
    """Check one parsed item of a batch; its paths begin at the item.

    Raises:
        RequestRefused: a field is missing, unknown, or of the wrong type; names each path.
    """
    return _read(BatchItem, parsed)


def read_batch_items(parsed: object) -> list[object]:
    """Return the items of a parsed batch, each still to be read.

    Raises:
        RequestRefused: it is no batch, or of too many items.
    """
    items = parsed.get("items") if isinstance(parsed, dict) and parsed.keys() == {"items"} else None
    if not isinstance(items, list) or not 1 <= len(items) <= BATCH_ITEMS:
        message = f"an object with a list of 1 to {BATCH_ITEMS} items, and nothing else"
        raise RequestRefused(
            "the request's body is not valid", [Fault(path="$.items", message=message)]
        )
    return items


def _read(model: type[Asked], parsed: object) -> Asked:
    try:
        return model.model_validate(parsed)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        faults = [Fault(path=json_path(detail["loc"]), message=detail["msg"]) for detail in details]
        raise RequestRefused("the request's body is not valid", faults) from error
