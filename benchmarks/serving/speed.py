"""Compare requests a second, memory and the time to start, side by side."""

import statistics
from typing import Any

from benchmarks.serving import home as homes
from benchmarks.serving import rival
from benchmarks.serving.constant import PATH as CONSTANT
from benchmarks.serving.servers import ask, weight
from benchmarks.serving.stage import (
    CONNECTIONS,
    FORECAST,
    HEADLINE,
    POST,
    Side,
    Stage,
    median_p99,
    ratio,
    summed,
)

Found = dict[str, Any]


def get(stage: Stage) -> tuple[Found, Found]:
    """Read the forecast beside a constant behind the same middleware, and beside a bare one."""
    sides = {
        "forecast": Side(server=stage.ours, path=FORECAST),
        "constant": Side(server=stage.behind, path=CONSTANT),
        "bare": Side(server=stage.bare, path=CONSTANT),
    }
    found = stage.by_turns(sides)
    figures = {
        "get_ratio": ratio(found[HEADLINE], "forecast", "constant"),
        "get_ratio_bare": ratio(found[HEADLINE], "forecast", "bare"),
    }
    told = {
        "bytes": len(ask(stage.ours.port, FORECAST)[1]),
        "sides": summed(found),
        "ratio_by_connections": _each(found, "forecast", "constant"),
        "ratio_bare_by_connections": _each(found, "forecast", "bare"),
    }
    return figures, told


def _post_sides(stage: Stage) -> dict[str, Side]:
    sides = {"forecast": Side(server=stage.ours, path=POST, bodies=homes.posted(stage.home))}
    if stage.single is not None:
        bodies = sides["forecast"].bodies
        sides["forecast_single"] = Side(server=stage.single, path=POST, bodies=bodies)
    theirs = {"mlflow": stage.lecture, "mlflow_one_thread": stage.lecture_one_thread}
    for name, server in theirs.items():
        if server is not None:
            sides[name] = Side(server=server, path=rival.PATH, bodies=homes.invoked(stage.home))
    return sides


def post(stage: Stage) -> tuple[Found, Found]:
    """Post 60 days beside MLflow's server of the lecture's LSTM."""
    found = stage.by_turns(_post_sides(stage))
    figures = {
        "post_ratio": ratio(found[HEADLINE], "forecast", "mlflow"),
        "post_ratio_single": ratio(found[HEADLINE], "forecast_single", "mlflow"),
        "post_p99_ms": median_p99(found[HEADLINE]["forecast"]),
    }
    told = {
        "histories": homes.BODIES,
        "sides": summed(found),
        "ratio_by_connections": _each(found, "forecast", "mlflow"),
        "ratio_single_by_connections": _each(found, "forecast_single", "mlflow"),
        "ratio_to_one_thread": _each(found, "forecast", "mlflow_one_thread"),
        "ratio_single_to_one_thread": _each(found, "forecast_single", "mlflow_one_thread"),
    }
    return figures, told


def _each(found: dict[int, Any], ours: str, theirs: str) -> Found:
    return {str(count): ratio(turns, ours, theirs) for count, turns in found.items()}


def memory(stage: Stage) -> tuple[Found, Found]:
    """Weigh the processes after one more load of POSTs on the most connections."""
    sides = _post_sides(stage)
    stage.by_turns(sides, (CONNECTIONS[-1],))
    resident, proportional = weight(stage.ours.process.pid)
    told = {"forecast": {"rss_mb": resident, "pss_mb": proportional}}
    figures: Found = {"rss_mb": resident, "rss_ratio": None}
    if stage.lecture is not None:
        theirs, proportional = weight(stage.lecture.process.pid)
        told["mlflow_all_processes"] = {"rss_mb": theirs, "pss_mb": proportional}
        figures["rss_ratio"] = resident / theirs
    return figures, told


def start(stage: Stage) -> tuple[Found, Found]:
    """Start the API again and again, from its command to the first 200 of /readyz.

    It says so only after its first look at what is published, the champion's load included.
    """
    seconds = [stage.start_once(turn) for turn in range(stage.repeats)]
    return {"start_seconds": statistics.median(seconds)}, {"seconds": seconds}
