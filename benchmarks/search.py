"""Search for better settings: `python -m benchmarks.search --storage study.db [--json]`.

Reads only the rows that `benchmarks.accuracy` fits on. The same storage goes on where it was.
Exit codes: 0 done, 1 refused, 2 the call was wrong.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.accuracy import shown
from benchmarks.command import answer, positive
from benchmarks.protocol import read_protocol
from benchmarks.study import Search
from pipelines.commands.output import print_line, print_table

#: Rows of the table that is printed.
ROWS = 10


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; a wrong one ends the program with 2."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument("--dataset", nargs="+", default=["seattle"], help="names or .toml files")
    parser.add_argument(
        "--csv", nargs="+", default=[], metavar="NAME=PATH", help="files in place of a source"
    )
    parser.add_argument("--storage", type=Path, required=True, help="the study, a SQLite file")
    parser.add_argument("--minutes", type=float, default=20.0, help="no trial starts after them")
    parser.add_argument("--trials", type=positive, help="at most as many now")
    parser.add_argument("--seed", type=int, default=0, help="the sampler's")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args(arguments)
    for entry in asked.csv:
        name, _, path = entry.partition("=")
        if name not in asked.dataset or not path:
            parser.error(f"argument --csv: expected NAME=PATH of a --dataset, found {entry}")
    return asked


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Run the search that the command line asks for, with its progress on standard error.

    Raises:
        GatecastError: the data, the rows or the storage do not allow it.
    """
    with Console(stderr=True).status("reading the data") as status:
        protocols = [
            read_protocol(
                name,
                [each.partition("=")[2] for each in asked.csv if each.startswith(f"{name}=")],
                origins=1,
            )
            for name in asked.dataset
        ]
        search = Search(protocols=protocols, storage=asked.storage, seed=asked.seed)
        return search.run(60 * asked.minutes, status.update, asked.trials)


def print_study(told: dict[str, Any]) -> None:
    """Print the best trials, the importance, and whether the best one is better by seeds' noise."""
    names = list(told["default"]["values"])
    print_table(
        f"held-out pinball loss over the default's; another seed changes it by {told['noise']:.4f}",
        ("trial", "loss", *(name.replace("_", " ") for name in names)),
        [
            [
                str(trial["number"]),
                shown(trial["relative"], ".4f") if trial["whole"] else "cut short",
                *(_brief(trial["values"][name]) for name in names),
            ]
            for trial in told["trials"][:ROWS]
        ],
    )
    for name, share in told["importance"].items():
        print_line(f"{share:6.1%}  {name.replace('_', ' ')}")
    confirmed = told["confirmation"]
    print_line(
        f"Trial {confirmed['number']} at seeds that did not choose it: {confirmed['gain']:+.4f} "
        f"better than the default, {confirmed['needed']:.4f} needed; "
        + ("found." if confirmed["found"] else "not found.")
    )


def _brief(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.3g}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Search and print; 1 where something is refused."""
    return answer(parse(arguments), measure, print_study)


if __name__ == "__main__":
    sys.exit(main())
