"""Lay out a survey's folder: what is asked, and of each station its declaration and its share."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data_checks.declaration import Dataset
from forecasting.climate.sharing import Share
from forecasting.climate.windows import WindowSpec
from forecasting.errors import DatasetInvalid, GatecastError
from forecasting.settings import Settings
from forecasting.stores.files import safe_name, write_bytes, write_json

#: Where a training that was killed is resumed from.
CHECKPOINTS = "checkpoints"

#: Where it is kept of which run a station's results are.
RUNS = "runs"

#: Folders that have a file or a folder a station, which are its own and nothing of the others.
OF_STATIONS = ("parts", "landed", "admitted", "verdicts", "models", "forecasts", RUNS)


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What one survey does, and where; it travels to workers whole.

    `windows` is how many each member is trained on, of all stations together. `run` names this run
    in what it leaves; `beside` says that it is of some of the dataset's stations only, beside which
    the others keep what an earlier run left.
    """

    home: Path
    name: str
    preset: str
    cell: str
    seed: int
    windows: int
    run: str = ""
    beside: bool = False

    @property
    def folder(self) -> Path:
        """Where everything of the survey is kept, partitions of stations below it."""
        return self.home / "surveys" / safe_name(self.name)

    @property
    def settings(self) -> Settings:
        """The settings of a step: the home, and the rest as they stand."""
        return Settings(home=self.home)

    @property
    def admitted(self) -> Path:
        """The Parquet data set of admitted rows, one partition a station."""
        return self.folder / "admitted"

    @property
    def forecasts(self) -> Path:
        """The Parquet data set of forecasts, one partition a station."""
        return self.folder / "forecasts"

    @property
    def weights(self) -> Path:
        """The members' weights, which all stations share."""
        return self.folder / "weights"

    def model(self, station: str) -> Path:
        """Return where a station's graph and card are kept."""
        return self.folder / "models" / safe_name(station)

    def of_station(self, kind: str, station: str) -> Path:
        """Return where one station's JSON of a kind is kept."""
        return self.folder / kind / f"{safe_name(station)}.json"


def open_survey(survey: Survey, parts: Sequence[Dataset]) -> list[str]:
    """Write down each station's declaration, by which alone it is read later; returns their names.

    Raises:
        DatasetInvalid: several targets, or stations that share a file.
    """
    targets = {part.target for part in parts}
    if len(targets) != 1:
        raise DatasetInvalid(
            "a survey is of one target",
            expected="@target behind the dataset's name",
            found=", ".join(sorted(targets)),
        )
    if parts[0].station_column is not None:
        raise DatasetInvalid(
            "a survey reads one station at a time",
            expected="a source for each station",
            found=f"one file with a column {parts[0].station_column}",
        )
    _drop_results(survey, {part.place.name for part in parts})
    for part in parts:
        write_bytes(survey.of_station("parts", part.place.name), part.model_dump_json().encode())
    write_json(survey.folder / "survey.json", {**asdict(survey), "home": str(survey.home)})
    return [part.place.name for part in parts]


def _drop_results(survey: Survey, asked: set[str]) -> None:
    """Drop what an earlier survey left: a station that is refused now must not keep its forecast.

    Checkpoints stay: they are named by the windows that they were trained on. Beside a survey of
    some stations, the others' results stay as well.
    """
    kept = set(runs_of(survey)) - asked if survey.beside else set()
    for path in survey.folder.glob("*"):
        if path.name in OF_STATIONS:
            for each in path.iterdir():
                if each.stem.removeprefix("station=") not in kept:
                    _drop(each)
        elif path.name != CHECKPOINTS:
            _drop(path)


def _drop(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def keep_run(survey: Survey, station: str) -> None:
    """Write down of which run a station's results are, once they are all there."""
    write_json(survey.of_station(RUNS, station), {"run": survey.run})


def runs_of(survey: Survey) -> dict[str, str]:
    """Return of which run each station's results in the folder are, by station."""
    kept = sorted((survey.folder / RUNS).glob("*.json"))
    return {path.stem: json.loads(path.read_bytes())["run"] for path in kept}


class SurveyUnseen(GatecastError):
    """A worker elsewhere does not see the survey's folder."""

    code = "SURVEY_UNSEEN"


def require_seen(survey: Survey, station: str) -> None:
    """Look whether a worker elsewhere sees what the survey's process has laid out.

    Raises:
        SurveyUnseen: the home folder is not the survey's.
    """
    if not survey.of_station("parts", station).is_file():
        raise SurveyUnseen(
            "the worker does not see the survey's folder",
            expected=f"a home folder shared by all machines, with {survey.folder}",
            found=f"no declaration of {station}",
        )


def part_of(survey: Survey, station: str) -> Dataset:
    """Read one station's declaration."""
    return Dataset.model_validate_json(survey.of_station("parts", station).read_bytes())


def window_of(part: Dataset) -> WindowSpec:
    """Return the windows of a declaration."""
    return WindowSpec(history=part.history, horizon=part.horizon)


def keep_share(survey: Survey, station: str, content: dict[str, Any]) -> None:
    """Write what a station must know of the others: its share, and its part of the budget."""
    write_json(survey.of_station("shares", station), content)


def share_of(survey: Survey, station: str) -> tuple[Share, dict[str, Any]]:
    """Read a station's share, and all that stands beside it."""
    content: dict[str, Any] = json.loads(survey.of_station("shares", station).read_bytes())
    held = tuple((int(first), int(last)) for first, last in content["held"])
    return Share(train=content["train"], held=held), content
