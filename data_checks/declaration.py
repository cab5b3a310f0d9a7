"""Declare a dataset: what its file's columns are, in which unit, and what is possible."""

import json
import tomllib
from datetime import date, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator, model_validator

from data_checks.defaults import Plausible, plausible
from data_checks.origins import OPEN_METEO_TERMS, Source, Strict
from data_checks.units import UNITS, Unit
from forecasting.climate.series import Station, Variable
from forecasting.errors import DatasetInvalid

Name = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]
VariableName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Heading = Annotated[str, Field(min_length=1, max_length=200)]
Step = Literal["day", "hour"]

STEP_LENGTHS: dict[Step, timedelta] = {"day": timedelta(days=1), "hour": timedelta(hours=1)}

#: Most steps that a forecast may look ahead: half a month of days, two days of hours.
MOST_AHEAD: dict[Step, int] = {"day": 16, "hour": 48}

Share = Annotated[float, Field(ge=0, le=1)]


class Place(Strict):
    """The station: degrees north and east, IANA time zone; the name defaults to the dataset's."""

    name: Name | None = None
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    timezone: str

    @field_validator("timezone")
    @classmethod
    def _known(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("a name of the IANA time zone database") from error
        return timezone


class Column(Strict):
    """One column of the file. Bounds and the jump are given in the file's own unit.

    What is left out is taken from what is plausible for the variable (`defaults`).
    """

    variable: VariableName
    unit: str
    lower: float | None = None
    upper: float | None = None
    max_jump: Annotated[float | None, Field(gt=0)] = None
    stuck_days: Annotated[int | None, Field(ge=2)] = None
    stuck_except: tuple[float, ...] | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.unit not in UNITS:
            raise ValueError(f"a unit among {', '.join(UNITS)}")
        known = plausible(self.variable)
        if known is None and (self.lower is None or self.upper is None):
            raise ValueError(f"lower and upper, because {self.variable} has no known range")
        if known is not None and UNITS[self.unit].internal != known.unit:
            raise ValueError(f"a unit of {self.variable}, which is kept in {known.unit}")
        if not self.bounds[0] < self.bounds[1]:
            raise ValueError(f"lower < upper, not {self.bounds[0]:g} and {self.bounds[1]:g}")
        return self

    @property
    def measure(self) -> Unit:
        """The file's unit."""
        return UNITS[self.unit]

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest possible value, in the file's unit."""
        known = plausible(self.variable) or Plausible(unit="", lower=0, upper=0)
        lower = self.measure.outward(known.lower) if self.lower is None else self.lower
        upper = self.measure.outward(known.upper) if self.upper is None else self.upper
        return lower, upper

    @property
    def jump(self) -> float | None:
        """The most that may change in one step, in the file's unit."""
        limit = self.rule.max_jump
        return None if limit is None else self.measure.outward_step(limit)

    @property
    def rule(self) -> Plausible:
        """What is possible, in the internal unit."""
        known = plausible(self.variable) or Plausible(unit="", lower=0, upper=0)
        jump, excepted = self.max_jump, self.stuck_except
        return Plausible(
            unit=self.measure.internal,
            lower=self.measure.bound(self.bounds[0]),
            upper=self.measure.bound(self.bounds[1]),
            max_jump=known.max_jump if jump is None else self.measure.inward_step(jump),
            stuck_days=known.stuck_days if self.stuck_days is None else self.stuck_days,
            stuck_except=known.stuck_except
            if excepted is None
            else tuple(self.measure.bound(value) for value in excepted),
        )


class Derived(Strict):
    """A variable that no column holds: the mean of others, a gap where one of them is a gap."""

    mean_of: Annotated[tuple[VariableName, ...], Field(min_length=2)]


class Limits(Strict):
    """How much of one variable may be quarantined, or missing, before the batch is refused."""

    max_quarantined: Share = 0.05
    max_missing: Share = 0.2


class Dataset(Strict):
    """What a dataset's file says, where it comes from, and when it is refused.

    The same day twice. Within one file: equal rows count once; rows that differ quarantine the
    whole day, because nothing says which is right. Between files: the file whose observations
    reach further into the future wins, whatever order the files were given in, because the last
    day of an older file is often cut short; the displaced row is quarantined and reported.
    """

    name: Name
    title: str = ""
    licence: str = "not stated"
    attribution: str = ""
    step: Step = "day"
    source: Source
    station: Place
    date: Heading = "date"
    date_format: Annotated[str | None, Field(description="strptime; ISO 8601 when unset")] = None
    missing: tuple[str, ...] = ("", "NA", "N/A", "NaN", "nan", "null", "None")
    columns: Annotated[dict[Heading, Column], Field(min_length=1, max_length=100)]
    derived: dict[VariableName, Derived] = Field(default_factory=dict)
    target: VariableName
    covariates: tuple[VariableName, ...] | None = None
    history: Annotated[int, Field(ge=1, le=10_000)] = 60
    horizon: Annotated[int, Field(ge=1)] = 7
    max_age_days: Annotated[float | None, Field(gt=0)] = None
    refit: Annotated[bool, Field(description="train on all rows what was promoted")] = False
    limits: Limits = Limits()

    @field_validator("step", mode="before")
    @classmethod
    def _short(cls, step: object) -> object:
        """Take the longer spellings, which older files have."""
        return step.removeprefix("1 ") if isinstance(step, str) else step

    @model_validator(mode="after")
    def _within_reach(self) -> Self:
        if self.horizon > MOST_AHEAD[self.step]:
            most = f"a horizon of at most {MOST_AHEAD[self.step]} {self.step}s"
            raise ValueError(f"{most}, not {self.horizon}")
        if self.step != "day" and self.source.kind == "open-meteo":
            raise ValueError("the step day with an open-meteo source, which asks for daily values")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        measured = [column.variable for column in self.columns.values()]
        known = (*measured, *self.derived)
        if len(set(known)) != len(known):
            raise ValueError("each variable once, from one column or one derivation")
        for name, rule in self.derived.items():
            self._check_derived(name, rule, measured)
        chosen = (self.target, *(self.covariates or ()))
        if len(set(chosen)) != len(chosen) or not set(chosen) <= set(known):
            raise ValueError(
                f"target and covariates once each, among {', '.join(known)}; "
                f"not {', '.join(chosen)}"
            )
        if self.date in self.columns:
            raise ValueError(f"the date column {self.date} beside the columns, not among them")
        return self

    def _check_derived(self, name: str, rule: Derived, measured: list[str]) -> None:
        if not set(rule.mean_of) <= set(measured):
            raise ValueError(f"{name} to be the mean of variables among {', '.join(measured)}")
        units = {self.columns[self.heading(part)].measure.internal for part in rule.mean_of}
        if len(units) != 1:
            raise ValueError(f"{name} to be the mean of variables of one kind")

    def heading(self, variable: str) -> str:
        """Return the file's column that holds a measured variable."""
        return next(key for key, column in self.columns.items() if column.variable == variable)

    @property
    def place(self) -> Station:
        """The station as the series carries it."""
        return Station(
            name=self.station.name or self.name,
            latitude=self.station.latitude,
            longitude=self.station.longitude,
            timezone=self.station.timezone,
        )

    @property
    def step_length(self) -> timedelta:
        """The time between two labels."""
        return STEP_LENGTHS[self.step]

    def steps_of(self, days: int) -> int:
        """Return how many steps make so many days."""
        return days * (timedelta(days=1) // self.step_length)

    @property
    def rules(self) -> dict[str, Plausible]:
        """What is possible for each measured and derived variable, in internal units."""
        rules = {column.variable: column.rule for column in self.columns.values()}
        for name, derived in self.derived.items():
            parts = [rules[part] for part in derived.mean_of]
            rules[name] = Plausible(
                unit=parts[0].unit,
                lower=min(part.lower for part in parts),
                upper=max(part.upper for part in parts),
            )
        return rules

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The series' variables: the target first, then the covariates in a stable order."""
        others = self.covariates
        if others is None:
            others = tuple(name for name in self.rules if name != self.target)
        rules = self.rules
        return tuple(
            Variable(
                name=name, unit=rules[name].unit, lower=rules[name].lower, upper=rules[name].upper
            )
            for name in (self.target, *others)
        )


def parse_dataset(text: str, where: str) -> Dataset:
    """Read a dataset's declaration.

    Args:
        text: TOML.
        where: the file's name, for the error.

    Raises:
        DatasetInvalid: the text is not TOML, a key is unknown, missing or of the wrong type,
            or the parts contradict each other.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DatasetInvalid(f"{where} is not TOML", expected="TOML", found=error) from error
    source = content.get("source")
    if isinstance(source, dict) and source.get("kind") == "open-meteo":
        content = {**OPEN_METEO_TERMS, **content}
    try:
        # JSON is the form in which a strict model takes lists for tuples and text for dates.
        return Dataset.model_validate_json(json.dumps(content, default=_written))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(str(part) for part in first["loc"]) or "the declaration"
        found = first["input"]
        raise DatasetInvalid(
            f"{where}: {path} cannot be used",
            expected=_expected(first["type"], first["msg"]),
            found="a contradiction" if isinstance(found, dict) else repr(found)[:200],
        ) from error


def _written(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise DatasetInvalid("a value cannot be used", expected="text, numbers, dates", found=value)


def _expected(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "no such key"
    if kind == "missing":
        return "this key"
    return message.removeprefix("Value error, ")
