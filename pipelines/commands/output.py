"""Print what a verb has to say: one JSON object for programs, tables for people."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

#: `--csv` with one or more paths behind it.
Files = Annotated[list[Path] | None, Parameter(consume_multiple=True)]

#: Dates and numbers are at most so wide; such columns are not broken for a narrow terminal.
NARROW = 12


def print_json(content: Mapping[str, object]) -> None:
    """Print exactly one JSON object on standard output.

    Args:
        content: what to print; NaN is refused, because JSON does not have it.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write(f"{text}\n")


def print_line(text: str, *, style: str = "") -> None:
    """Print one line for people on standard output; `style` shows on a terminal only."""
    Console().print(Text(text, style=style), soft_wrap=True)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table for people on standard output.

    Args:
        title: stands above it.
        columns: the heads.
        rows: one cell for each column; None shows as a dash. Nothing in them is markup.
    """
    console = Console()
    if title:
        # A title of rich's own would be wrapped to the width of a narrow table.
        console.print(Text(title, style="bold"), soft_wrap=True)
    cells = [["-" if cell is None else str(cell) for cell in row] for row in rows]
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(columns):
        widest = max((len(row[place]) for row in cells), default=0)
        table.add_column(column, overflow="fold", no_wrap=widest <= NARROW)
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def progress(text: str) -> AbstractContextManager[object]:
    """Show that work goes on, on standard error and on a terminal only."""
    return Console(stderr=True).status(Text(text))
