"""Declare a dataset: what its file's columns are, in which unit, and what is possible."""

import json
import tomllib
from datetime import date, timedelta
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator

from data_checks.columns import Column, Derived, Heading, Limits, VariableName
from data_checks.defaults import Plausible
from data_checks.origins import OPEN_METEO_TERMS, Source, Strict
from data_checks.places import Name, Place
from forecasting.climate.series import Station, Variable
from forecasting.errors import DatasetInvalid
from forecasting.stores.stations import LONGEST_MODEL, climate_model

Step = Literal["day", "hour"]
Declared = TypeVar("Declared", bound=Strict)

STEP_LENGTHS: dict[Step, timedelta] = {"day": timedelta(days=1), "hour": timedelta(hours=1)}

#: Most steps that a forecast may look ahead: half a month of days, two days of hours.
MOST_AHEAD: dict[Step, int] = {"day": 16, "hour": 48}

#: What the division into parts says of each of them; no key of a file.
OF_PARTS = ("targets", "part")


class Dataset(Strict):
    """What a dataset's file says, where it comes from, and when it is refused.

    A declaration of several stations or targets is divided into parts (`parts`), each such a
    dataset: `targets` are then all of the station's, `part` is what names this one behind the
    name of the whole, such as `#berlin@wind_speed_10m_mean`.

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
    station_column: Heading | None = None
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
    pooled: Annotated[bool, Field(description="train one model over all stations too")] = False
    limits: Limits = Limits()
    targets: tuple[VariableName, ...] = ()
    part: str = ""

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
        if self.source.kind == "open-meteo" and self.step != "day":
            raise ValueError("the step day with an open-meteo source, which asks for daily values")
        if self.source.kind == "open-meteo" and self.station_column is not None:
            raise ValueError("no station_column with an open-meteo source, which asks by position")
        if self.station.label is not None and self.station_column is None:
            raise ValueError("a station_column in which the label stands")
        return self

    @model_validator(mode="after")
    def _nameable(self) -> Self:
        if "--" in self.place.name:
            raise ValueError(
                f"a station's name without '--', the sign before a target; not {self.place.name}"
            )
        if len(self.model) > LONGEST_MODEL:
            raise ValueError(
                f"names of station and target that make a model's name of at most {LONGEST_MODEL} "
                f"letters, not {self.model}"
            )
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
        for key, heading in (("date", self.date), ("station", self.station_column)):
            if heading in self.columns:
                raise ValueError(f"the {key} column {heading} beside the columns, not among them")
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
    def headings(self) -> tuple[str, ...]:
        """The columns that a file must have: date, station where there is one, and the values."""
        of_station = () if self.station_column is None else (self.station_column,)
        return (self.date, *of_station, *self.columns)

    @property
    def label(self) -> str:
        """The station's value in the station column."""
        return self.station.label or self.place.name

    @property
    def place(self) -> Station:
        """The station as the series carries it."""
        return Station(
            name=self.station.name or self.name,
            latitude=self.station.latitude,
            longitude=self.station.longitude,
            timezone=self.station.timezone,
            elevation=self.station.elevation,
        )

    @property
    def every_target(self) -> tuple[str, ...]:
        """All targets of the station, the first one first."""
        return self.targets or (self.target,)

    @property
    def further_target(self) -> str | None:
        """The target where it is not the station's first."""
        return None if self.target == self.every_target[0] else self.target

    @property
    def model(self) -> str:
        """The name of the registered model."""
        return climate_model(self.place.name, self.further_target)

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
    """Read the declaration of one station and one target.

    Args:
        text: TOML.
        where: the file's name, for the error.

    Raises:
        DatasetInvalid: the text is not TOML, a key is unknown, missing or of the wrong type,
            or the parts contradict each other.
    """
    return dataset_of(read_toml(text, where), where)


def read_toml(text: str, where: str) -> dict[str, Any]:
    """Read a declaration's keys, whatever they are.

    Raises:
        DatasetInvalid: the text is not TOML, or names what only a division into parts says.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DatasetInvalid(f"{where} is not TOML", expected="TOML", found=error) from error
    for key in OF_PARTS:
        if key in content:
            raise unusable(where, key, "no such key", repr(content[key])[:200])
    return content


def dataset_of(content: dict[str, Any], where: str) -> Dataset:
    """Check one station's declaration with one target; raises as `parse_dataset` does."""
    source = content.get("source")
    if isinstance(source, dict) and source.get("kind") == "open-meteo":
        content = {**OPEN_METEO_TERMS, **content}
    return checked(Dataset, content, where)


def checked(model: type[Declared], content: dict[str, Any], where: str) -> Declared:
    """Check a declaration's keys against a strict model.

    Raises:
        DatasetInvalid: names the first key that is wrong, what was expected and found.
    """
    try:
        # JSON is the form in which a strict model takes lists for tuples and text for dates.
        return model.model_validate_json(json.dumps(content, default=_written))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(str(part) for part in first["loc"]) or "the declaration"
        found = first["input"]
        expected = _expected(first["type"], first["msg"])
        said = "a contradiction" if isinstance(found, dict) else repr(found)[:200]
        raise unusable(where, path, expected, said) from error


def unusable(where: str, path: str, expected: str, found: str) -> DatasetInvalid:
    """Return the refusal of a key of a declaration."""
    return DatasetInvalid(f"{where}: {path} cannot be used", expected=expected, found=found)


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
