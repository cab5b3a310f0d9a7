"""Measure Gatecast beside its rivals: `python -m benchmarks.accuracy --dataset seattle [--json]`.

Every model is fitted once on the same rows and forecasts the same daily origins after them. Needs
`make rivals` for `--rivals all`. Exit codes: 0 done, 1 refused, 2 the call was wrong.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from benchmarks.command import answer, positive
from benchmarks.contest import Contest
from benchmarks.outside import rivals_python
from benchmarks.protocol import ORIGINS, read_protocol
from pipelines.commands.output import print_line, print_table


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; a wrong one ends the program with 2."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("--dataset", default="seattle", help="a shipped name or a .toml file")
    parser.add_argument("--csv", nargs="+", default=[], help="files in place of the source")
    parser.add_argument("--train-rows", type=positive, help="rows to fit on")
    parser.add_argument("--origins", type=positive, default=ORIGINS, help="origins to judge on")
    parser.add_argument("--rivals", choices=("fast", "all"), default="fast")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(arguments)


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Run the contest that the command line asks for, with its progress on standard error.

    Raises:
        GatecastError: the data, the rows or the rivals' environment do not allow it.
    """
    python = rivals_python() if asked.rivals == "all" else None
    with Console(stderr=True).status("reading the data") as status:
        protocol = read_protocol(asked.dataset, asked.csv, asked.train_rows, asked.origins)
        contest = Contest(protocol=protocol, watch=status.update, python=python)
        return contest.run()


def print_contest(told: dict[str, Any]) -> None:
    """Print the errors by lead, the best model first, then how each kept what it stated."""
    protocol, models = told["protocol"], told["models"]
    ranked = sorted(models, key=lambda name: models[name]["mean_mae"] or float("inf"))
    leads = range(1, protocol["horizon"] + 1)
    print_table(
        f"{told['dataset']}: mean absolute error by lead, {protocol['unit']}, "
        f"{protocol['origins']} origins after {protocol['train_rows']} rows",
        ("", "mean", *map(str, leads)),
        [error_row(name, models[name]) for name in ranked],
    )
    print_table(
        "RMSE of lead 1, CRPS; shares covered and widths in the mean over the leads",
        ("", "RMSE 1", "CRPS", "80 %", "95 %", "w 80", "w 95", "fit s"),
        [statement_row(name, models[name]) for name in ranked],
    )
    for note in protocol["notes"]:
        print_line(note, style="bold yellow")
    print_line(
        f"{told['ratio_to_best_rival']:.3f} of the best rival's error ({told['best_rival']})"
    )


def error_row(name: str, model: dict[str, Any]) -> list[str | None]:
    """Return one model's errors as cells."""
    leads = [shown(error, ".2f") for error in model["mae_by_lead"]]
    return [name.replace("_", " "), shown(model["mean_mae"], ".3f"), *leads]


def statement_row(name: str, model: dict[str, Any]) -> list[str | None]:
    """Return what one model states beside its points, and the seconds of its fit, as cells."""
    return [
        name.replace("_", " "),
        shown(model["rmse_by_lead"][0], ".2f"),
        shown(model["crps"], ".3f"),
        *(shown(mean_of(model[f"coverage_{percent}_by_lead"]), ".1%") for percent in (80, 95)),
        *(shown(mean_of(model[f"width_{percent}_by_lead"]), ".2f") for percent in (80, 95)),
        shown(model["fit_seconds"], ".1f"),
    ]


def mean_of(numbers: list[float | None] | None) -> float | None:
    """Average over the leads; None where a lead, or all, have no number."""
    known = [number for number in numbers or () if number is not None]
    return sum(known) / len(known) if known and len(known) == len(numbers or ()) else None


def shown(number: float | None, form: str) -> str | None:
    """Write a number for people; None stays None."""
    return None if number is None else format(number, form)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where something is refused."""
    return answer(parse(arguments), measure, print_contest)


if __name__ == "__main__":
    sys.exit(main())
