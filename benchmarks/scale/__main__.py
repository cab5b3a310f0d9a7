"""Measure a survey against the number of its stations: `python -m benchmarks.scale [--sizes N …]`.

Makes up stations of ten years of days and takes them through the steps of `gatecast survey`, each
stage and size in processes of their own. Says how time and memory grow, and how much faster two
Dask workers are than one. Exit codes: 0 done, 1 refused, 2 the call was wrong.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.command import answer, positive
from benchmarks.scale.growth import ascending, growth
from benchmarks.scale.stage import STAGES
from benchmarks.scale.stations import DAYS, write_stations
from benchmarks.scale.workers import files_in, megabytes_for_each, race_in, run_stage
from benchmarks.serving.marks import Mark
from pipelines.commands.output import print_line, print_table

#: The quick form takes about six minutes on two quiet cores; with 1000, twenty-five.
SIZES = (1, 10, 100)

MARKS = (
    Mark("exponent", most=1.1),
    Mark("last_exponent", most=1.1),
    Mark("memory", most=1.1),
    Mark("two_workers", least=1.5),
)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; a wrong one ends the program with 2."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=positive, default=list(SIZES), metavar="N")
    parser.add_argument("--days", type=positive, default=DAYS, help="of each station")
    parser.add_argument("--workers", type=positive, default=2, help="processes that share a size")
    parser.add_argument("--raced", type=positive, default=16, help="stations of each turn")
    parser.add_argument("--repeats", type=positive, default=3, help="turns of each side")
    parser.add_argument("--folder", type=Path, help="where to work, and what to keep")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args(arguments)
    if not ascending(tuple(asked.sizes)):
        parser.error(f"--sizes: expected two or more, ascending, found {asked.sizes}")
    return asked


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Measure every size, then race one worker against two, with progress on standard error.

    Raises:
        StageFailed: a stage ended with an error.
    """
    before, sizes, kept = os.getloadavg(), {}, {}
    with tempfile.TemporaryDirectory() as scratch, Console(stderr=True).status("") as status:
        folder = asked.folder or Path(scratch)
        for size in asked.sizes:
            status.update(f"{size} stations")
            sizes[size] = _at(folder / str(size), size, asked, status.update)
            kept[size] = files_in(folder / str(size))
        status.update("one Dask worker and two, by turns")
        largest = folder / str(asked.sizes[-1])
        raced = race_in(largest, asked.raced, asked.repeats)
        models = megabytes_for_each(largest)
    figures = {**growth(sizes), "two_workers": raced["ratio"]}
    return {
        "marks": {mark.figure: mark.judge(figures[mark.figure]) for mark in MARKS},
        "growth": figures.pop("stages"),
        "sizes": sizes,
        "files": kept,
        "race": raced,
        "api_megabytes_a_model": models,
        "circumstances": {
            "days": asked.days,
            "workers": asked.workers,
            "cores": os.cpu_count(),
            "machine_load_before": list(before),
            "machine_load_after": list(os.getloadavg()),
        },
    }


def _at(
    home: Path, size: int, asked: argparse.Namespace, say: Callable[[str], None]
) -> dict[str, dict[str, float]]:
    """Make up stations and take them through every stage."""
    write_stations(home / "source", size, asked.days)
    told = {}
    for stage in STAGES:
        say(f"{size} stations: {stage}")
        told[stage] = run_stage(home, stage, asked.workers)
        if asked.folder is not None:
            (home / "told.json").write_text(json.dumps(told))
    return told


def show(told: dict[str, Any]) -> None:
    """Print the processor's seconds and the peak of a worker, a row a stage; then the marks."""
    sizes = told["sizes"]
    rows = [
        (
            stage,
            *(f"{each[stage]['cpu']:.2f}" for each in sizes.values()),
            *(f"{each[stage]['megabytes']:.0f}" for each in sizes.values()),
            f"{told['growth'][stage]['last_exponent']:.2f}",
            f"{told['growth'][stage]['memory']:.2f}",
        )
        for stage in STAGES
    ]
    heads = (
        "stage", *(f"s, {size}" for size in sizes), *(f"MB, {size}" for size in sizes),
        "exponent", "memory",
    )  # fmt: skip
    print_table("Seconds of the processor, and megabytes of a worker at most", heads, rows)
    for name, mark in told["marks"].items():
        print_line(f"{name}: {mark['found']:.3f}, {'met' if mark['met'] else 'missed'}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where something is refused."""
    return answer(parse(arguments), measure, show)


if __name__ == "__main__":
    sys.exit(main())
