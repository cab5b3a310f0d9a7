"""Let one Dask worker and two do the same stations by turns: the ratio of their times."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.scale.steps import STEPS, survey_in
from forecasting.errors import GatecastError
from pipelines.survey.folder import Survey
from pipelines.survey.scatter import REFUSED, Scatter, Told, dask_workers

#: What is done for each station: the two steps that take nearly all of a survey's time.
RACED = ("check", "judge")


class TurnSpoilt(GatecastError):
    """A station was refused, so that a turn is no measurement."""

    code = "TURN_SPOILT"


def raced(survey: Survey, station: str) -> Told:
    """Check and judge a station; tells the processor's seconds."""
    spent = time.process_time()
    for stage in RACED:
        STEPS[stage](survey, station)
    return {"cpu": time.process_time() - spent}


def race(home: Path, stations: Sequence[str], repeats: int) -> dict[str, Any]:
    """Do the stations with one worker and with two, by turns; both clusters stand all the while.

    Args:
        home: where every stage has been done, so that each can be done again.
        stations: what is done in each turn.
        repeats: turns of each side.
    """
    with dask_workers(1) as one, dask_workers(2) as two:
        sides = {1: one, 2: two}
        for workers, scatter in sides.items():
            _turn(scatter, home, stations[: 2 * workers])  # imports are not counted
        turns: dict[int, list[dict[str, float]]] = {1: [], 2: []}
        for _ in range(repeats):
            for workers, scatter in sides.items():
                turns[workers].append(_turn(scatter, home, stations))
    seconds = {workers: median(turn["seconds"] for turn in each) for workers, each in turns.items()}
    return {
        "stations": len(stations),
        "seconds": seconds,
        "turns": turns,
        "ratio": seconds[1] / seconds[2],
        "best_ratio": min(turn["seconds"] for turn in turns[1])
        / min(turn["seconds"] for turn in turns[2]),
    }


def _turn(scatter: Scatter, home: Path, stations: Sequence[str]) -> dict[str, float]:
    began = time.perf_counter()
    told = [each for _, each in scatter(raced, survey_in(home), stations)]
    seconds = time.perf_counter() - began
    if any(REFUSED in each for each in told):
        raise TurnSpoilt("a station was refused", expected="none", found=told)
    cpu = sum(each["cpu"] for each in told)
    return {"seconds": seconds, "cpu": cpu, "cores": cpu / seconds}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(race(Path(sys.argv[1]), sys.argv[3:], int(sys.argv[2]))) + "\n")
