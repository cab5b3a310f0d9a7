"""Show long work on stderr, on a terminal only; steps report through one context variable."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

#: What a step tells: a stage, or an epoch of a candidate's member.
Watch = Callable[[dict[str, Any]], None]


def _nobody(told: dict[str, Any]) -> None:
    """Listen to nothing."""


watching: ContextVar[Watch] = ContextVar("watching", default=_nobody)


def listener() -> Watch:
    """Return who listens here: a task that is sent elsewhere cannot take the variable along."""
    return watching.get()


@contextmanager
def shown(members: int, epochs: int) -> Iterator[None]:
    """Draw a bar a candidate while steps report; draws nothing where stderr is no terminal.

    Args:
        members: how many members each candidate trains.
        epochs: the most epochs a member trains.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bars: dict[str, Any] = {}

        def watch(told: dict[str, Any]) -> None:
            name = str(told.get("stage") or told.get("cell"))
            if name not in bars:
                total = members * epochs if "cell" in told else 1
                bars[name] = progress.add_task(name, total=total, note="")
            if "stage" in told:
                progress.update(bars[name], completed=1)
            elif "done" in told:
                progress.update(bars[name], completed=told["done"] * epochs)
            elif "epoch" in told:
                note = f"member {told['member'] + 1} of {members}, error {told['score']:.3f}"
                completed = told["member"] * epochs + told["epoch"]
                progress.update(bars[name], completed=completed, note=note)

        token = watching.set(watch)
        try:
            yield
        finally:
            watching.reset(token)
