"""Run a survey from the declaration to the forecasts, a station at a time. Wiring only."""

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

from data_checks.declaration import Dataset
from forecasting.errors import GatecastError
from forecasting.stores.files import write_json
from pipelines.survey.folder import Survey, open_survey, runs_of
from pipelines.survey.scatter import REFUSED, Scatter, Step, Told
from pipelines.survey.stations import (
    check_station,
    draw_station,
    forecast_station,
    judge_station,
    land_station,
)
from pipelines.survey.together import share_rows, train_members
from pipelines.workspace import only_run

#: Hears which step is being done, and of how many stations.
Say = Callable[[str], None]


class NoStationLeft(GatecastError):
    """Every station of a survey was refused."""

    code = "NO_STATION_LEFT"


class Course:
    """The stations that are still in a survey, and what was told of each step."""

    def __init__(self, survey: Survey, stations: Sequence[str], scatter: Scatter) -> None:
        self.survey, self.scatter = survey, scatter
        self.stations = sorted(stations)
        self.refused: dict[str, Told] = {}

    def take(self, step: Step) -> dict[str, Told]:
        """Do a step for all that are left; those that are refused are left out from now on."""
        told = dict(self.scatter(step, self.survey, self.stations))
        refused = {name: each[REFUSED] for name, each in told.items() if REFUSED in each}
        self.refused |= refused
        self.stations = [name for name in self.stations if name not in refused]
        self._require_one()
        return {name: told[name] for name in self.stations}

    def keep(self, stations: Sequence[str], why: Told) -> None:
        """Go on with some stations only."""
        self.refused |= {name: why for name in self.stations if name not in set(stations)}
        self.stations = sorted(stations)

    def _require_one(self) -> None:
        """Stop where nothing is left to go on with, and say what one of them was refused for."""
        if not self.stations:
            name, why = min(self.refused.items())
            raise NoStationLeft(
                f"no station is left of {len(self.refused)}",
                expected="one or more that are not refused",
                found=f"{name}: {why['code']}: {why['message']}",
            )


def run_survey(
    survey: Survey, parts: Sequence[Dataset], scatter: Scatter, say: Say
) -> dict[str, Any]:
    """Survey a dataset's stations; returns what came of it.

    A station that is refused stops no other.

    Raises:
        AlreadyRunning: the same survey is being run.
        DatasetInvalid: several targets, or stations that share a file.
        NoStationLeft: every station was refused.
        SeriesTooShort: none has rows enough before the common end.
        SchedulerUnavailable: the Dask went away.
    """
    with only_run(survey.settings, f"survey-{survey.name}"):
        course = Course(survey, open_survey(survey, parts), scatter)
        for step, title in ((land_station, "landing"), (check_station, "checking")):
            say(f"{title} {len(course.stations)} stations")
            checked = course.take(step)
        course.keep(share_rows(survey, checked), TOO_FEW)
        say(f"drawing windows of {len(course.stations)} stations")
        course.take(draw_station)
        say("training")
        train_members(survey)
        say(f"judging {len(course.stations)} stations")
        judged = course.take(judge_station)
        say(f"forecasting {len(course.stations)} stations")
        told = {name: judged[name] for name in course.take(forecast_station)}
        outcome = summary(survey, told, course.refused)
        write_json(survey.folder / "outcome.json", outcome)
        return outcome


TOO_FEW: Told = {
    "code": "SERIES_TOO_SHORT",
    "message": "too few rows before the time at which the first station's gate begins",
    "expected": None,
    "found": None,
}


def summary(survey: Survey, judged: dict[str, Told], refused: dict[str, Told]) -> dict[str, Any]:
    """Return what a person asks first; every station's verdict lies in the folder.

    The numbers are this run's; `runs` says of each station in the folder which run left its rows.

    Args:
        survey: the survey.
        judged: what the judgement told of each station that has a forecast.
        refused: why each other station has none.
    """
    return {
        "dataset": survey.name,
        "run": survey.run,
        "runs": runs_of(survey),
        "folder": str(survey.folder),
        "stations": len(judged),
        "would_be_promoted": sum(told["promoted"] for told in judged.values()),
        "mean_mae": fmean(told["mean_mae"] for told in judged.values()),
        "rival_mae": fmean(told["rival_mae"] for told in judged.values()),
        "refused": refused,
    }
