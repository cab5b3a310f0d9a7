"""Keep a target's usual course over the year as a table that numpy alone can read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from forecasting.errors import SeriesInvalid

#: On which day of a leap year each month begins, counted from 0.
MONTH_STARTS: Final = np.cumsum([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30])

DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, kw_only=True)
class ClimatologyTable:
    """What is usual of one target: a course over a leap year, and how far it is strayed from.

    `course` has one value a step of a leap year, `offsets` one a month and level, ascending, all
    in the target's unit; `through` labels the last step that they were fitted on.
    """

    levels: tuple[float, ...]
    course: tuple[float, ...]
    offsets: tuple[tuple[float, ...], ...]
    step_seconds: int
    through: str

    def __post_init__(self) -> None:
        steps = 366 * max(1, DAY_SECONDS // self.step_seconds)
        shape = (len(self.course), len(self.offsets), {len(month) for month in self.offsets})
        if shape != (steps, 12, {len(self.levels)}) or 0.5 not in self.levels:
            raise SeriesInvalid(
                "the parts of a climatology do not belong together",
                expected=f"{steps} steps, 12 months, a number a level and 0.5 among them",
                found=f"{len(self.course)} steps, {len(self.offsets)} months",
            )

    def quantiles(self, seconds: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return (steps, levels) in the target's unit, ascending along the last axis.

        Args:
            seconds: (steps,) labels, since 1970-01-01T00:00 on the station's calendar.
        """
        places, months = leap_year_places(seconds, self.step_seconds)
        usual = np.array(self.course)[places, None]
        quantiles: NDArray[np.float64] = usual + np.array(self.offsets)[months]
        return quantiles


def leap_year_places(
    seconds: NDArray[np.int64], step_seconds: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which step of a leap year each label is, and its month from 0: (steps,) each."""
    moments = seconds.astype("datetime64[s]")
    months = moments.astype("datetime64[M]")
    days = moments.astype("datetime64[D]")
    month = months.astype(np.int64) % 12
    day = MONTH_STARTS[month] + (days - months.astype("datetime64[D]")).astype(np.int64)
    per_day = max(1, DAY_SECONDS // step_seconds)
    within = (seconds % DAY_SECONDS) // max(1, DAY_SECONDS // per_day)
    return day * per_day + within, month


def parse_climatology(content: Mapping[str, Any]) -> ClimatologyTable:
    """Build the table from the JSON of a station's record."""
    return ClimatologyTable(
        levels=tuple(content["levels"]),
        course=tuple(content["course"]),
        offsets=tuple(tuple(month) for month in content["offsets"]),
        step_seconds=content["step_seconds"],
        through=content["through"],
    )
