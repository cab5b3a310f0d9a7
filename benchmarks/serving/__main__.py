"""Measure the API beside its rivals: `python -m benchmarks.serving [--home DIR] [--only get,…]`.

Starts real servers on loopback, loads them by turns and prints one JSON object: the figures, what
is behind them (`detail`), and what was asked of each (`marks`). Without a home it trains a
champion first. Exit codes: 0 done, 1 refused, 2 the call was wrong.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.command import answer, positive
from benchmarks.serving import home as homes
from benchmarks.serving import overloading, rival, speed, swapping
from benchmarks.serving.generator import Packaged
from benchmarks.serving.load import Generator, has_wrk
from benchmarks.serving.marks import MARKS, judged
from benchmarks.serving.stage import CONNECTIONS, HEADLINE, Stage
from benchmarks.serving.wrk import Wrk
from pipelines.commands.output import print_json

Part = Callable[[Stage], tuple[dict[str, Any], dict[str, Any]]]

#: In the order of a run: swaps change the champion, so they come last.
PARTS = ("get", "post", "memory", "start", "overload", "swaps")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; a wrong one ends the program with 2."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--home", type=Path, help="a home with a champion of seattle; only read")
    parser.add_argument("--seconds", type=_seconds, default=3.0, help="length of each load")
    parser.add_argument("--repeats", type=positive, default=5, help="turns of each side")
    parser.add_argument("--swaps", type=positive, default=200, help="swaps, one a second")
    parser.add_argument("--only", type=_parts, default=PARTS, help=f"some of {','.join(PARTS)}")
    parser.add_argument("--load", choices=("wrk", "packaged"), help="wrk where it is installed")
    parser.add_argument("--no-mlflow", action="store_true", help="leave MLflow's server out")
    parser.set_defaults(json=True)
    return parser.parse_args(arguments)


def _seconds(text: str) -> float:
    """Read a time above 0, for argparse."""
    seconds = float(text)
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"expected up to an hour, found {text}")
    return seconds


def _parts(text: str) -> tuple[str, ...]:
    """Read names of parts, for argparse; returns them in the order of a run."""
    named = text.split(",")
    unknown = sorted(set(named) - set(PARTS))
    if unknown:
        raise argparse.ArgumentTypeError(f"expected some of {','.join(PARTS)}, found {unknown}")
    return tuple(part for part in PARTS if part in named)


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Measure what is asked for, with progress on standard error.

    Raises:
        GatecastError: a server did not come, or a load failed.
    """
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
        status = ending.enter_context(Console(stderr=True).status("the home"))
        stage = Stage(
            folder=folder,
            source=_source(asked, folder),
            generator=_generator(asked),
            seconds=asked.seconds,
            repeats=asked.repeats,
            mlflow=not asked.no_mlflow,
            ending=ending,
            say=status.update,
        )
        before = os.getloadavg()
        figures, detail = _run(stage, asked)
        return _told(figures, {**_circumstances(stage, before), **detail})


def _source(asked: argparse.Namespace, folder: Path) -> homes.Home:
    return homes.train(folder / "trained") if asked.home is None else homes.Home(asked.home)


def _generator(asked: argparse.Namespace) -> Generator:
    chosen = asked.load or ("wrk" if has_wrk() else "packaged")
    return Wrk() if chosen == "wrk" else Packaged()


def _run(stage: Stage, asked: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    parts: dict[str, Part] = {
        "get": speed.get,
        "post": speed.post,
        "memory": speed.memory,
        "start": speed.start,
        "overload": overloading.overload,
        "swaps": lambda on: swapping.swaps(on, asked.swaps),
    }
    figures: dict[str, Any] = {}
    detail: dict[str, Any] = {}
    for part in asked.only:
        found, detail[part] = parts[part](stage)
        figures |= found
    return figures, detail


def _circumstances(stage: Stage, before: tuple[float, ...]) -> dict[str, Any]:
    single = stage.single_files
    return {
        "load_generator": stage.generator.name,
        "connections": list(CONNECTIONS),
        "headline_connections": HEADLINE,
        "seconds": stage.seconds,
        "repeats": stage.repeats,
        "cores": os.cpu_count(),
        "machine_load_before": list(before),
        "machine_load_after": list(os.getloadavg()),
        "forecast": homes.described(stage.source.files),
        "forecast_single": homes.described(single) if single else None,
        "mlflow": rival.described() if stage.mlflow else None,
    }


def _told(figures: dict[str, Any], detail: dict[str, Any]) -> dict[str, Any]:
    whole = {mark.figure: _rounded(figures.get(mark.figure)) for mark in MARKS}
    return {**whole, "marks": judged(whole), "detail": detail}


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 3)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where something is refused."""
    return answer(parse(arguments), measure, print_json)


if __name__ == "__main__":
    sys.exit(main())
