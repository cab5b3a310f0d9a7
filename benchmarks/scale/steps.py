"""The product's own steps of `gatecast survey`, with what they tell kept for the next stage."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import data_checks.suite  # noqa: F401 - what a check imports late is not the check's time
from benchmarks.scale.stations import NAME
from forecasting.errors import SeriesTooShort
from forecasting.training.machine import one_thread
from pipelines.catalogue import find_parts
from pipelines.commands.survey import CELL, WINDOWS
from pipelines.survey import stations as of_stations
from pipelines.survey.folder import Survey, open_survey
from pipelines.survey.scatter import REFUSED, Step, here
from pipelines.survey.together import share_rows, train_members

STEPS: Final[dict[str, Step]] = {
    "land": of_stations.land_station,
    "check": of_stations.check_station,
    "draw": of_stations.draw_station,
    "judge": of_stations.judge_station,
    "forecast": of_stations.forecast_station,
}


def survey_in(home: Path) -> Survey:
    """Return the survey that is measured: the verb's own defaults."""
    return Survey(home=home, name=NAME, preset="quick", cell=CELL, seed=1, windows=WINDOWS)


def each(stage: str) -> Callable[[Path, list[str]], None]:
    """Return what does one step for a worker's stations."""

    def work(home: Path, stations: list[str]) -> None:
        told = dict(here(STEPS[stage], survey_in(home), stations))
        refused = [name for name, one in told.items() if REFUSED in one]
        if refused:
            raise SeriesTooShort(
                f"{stage} refused {refused[0]}", expected="none", found=told[refused[0]][REFUSED]
            )
        kept = home / "told" / stage
        kept.mkdir(parents=True, exist_ok=True)
        (kept / f"{stations[0]}.json").write_text(json.dumps(told))

    return work


def told_of(home: Path, stage: str) -> dict[str, Any]:
    """Return what a stage has told of every station, in the order of their names."""
    told: dict[str, Any] = {}
    for path in sorted((home / "told" / stage).glob("*.json")):
        told |= json.loads(path.read_bytes())
    return dict(sorted(told.items()))


def open_home(home: Path, _: list[str]) -> None:
    """Read the declaration and lay it out, a file a station."""
    open_survey(survey_in(home), find_parts(str(home / "source" / f"{NAME}.toml")))


def share(home: Path, _: list[str]) -> None:
    """Divide rows and budget over all stations."""
    share_rows(survey_in(home), told_of(home, "check"))


def train(home: Path, _: list[str]) -> None:
    """Train the global model."""
    one_thread()
    train_members(survey_in(home))
