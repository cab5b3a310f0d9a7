"""End a benchmark's command line alike: JSON or tables, and a refusal with its code."""

import argparse
import sys
from collections.abc import Callable
from typing import Any

from forecasting.errors import GatecastError
from pipelines.commands.output import print_json

Told = dict[str, Any]


def answer(
    asked: argparse.Namespace,
    measure: Callable[[argparse.Namespace], Told],
    show: Callable[[Told], None],
) -> int:
    """Measure what was asked for and print it; returns the exit code, 1 where it is refused."""
    try:
        told = measure(asked)
    except GatecastError as error:
        sys.stderr.write(f"{error.code}: {error}\n")
        return 1
    if asked.json:
        print_json(told)
    else:
        show(told)
    return 0


def positive(text: str) -> int:
    """Read a number of at least 1, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, found {text}")
    return number
