"""Declare where observations come from: one station, or one of a dataset's several."""

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from data_checks.origins import Source, Strict

Name = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]

#: No station stands lower than the Dead Sea's shore or higher than Everest, in metres.
LOWEST, HIGHEST = -450, 8_900


class Spot(Strict):
    """Degrees north and east, IANA time zone, metres above the sea.

    `label` is the station's value in the dataset's station column.
    """

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    timezone: str
    elevation: Annotated[float | None, Field(ge=LOWEST, le=HIGHEST)] = None
    label: Annotated[str | None, Field(min_length=1, max_length=200)] = None

    @field_validator("timezone")
    @classmethod
    def _known(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("a name of the IANA time zone database") from error
        return timezone


class Place(Spot):
    """The station of a dataset; its name defaults to the dataset's."""

    name: Name | None = None


class Site(Spot):
    """One of several stations, named by its key; it may have a source of its own."""

    source: Source | None = None
