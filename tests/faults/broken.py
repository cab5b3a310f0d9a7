"""Do trials with a protection taken away, to see whether the harness would notice.

`python -m tests.faults.broken FOLDER` prints one object: the trial with everything in place, the
same one without the healing of a cut-off promotion, one with a published file cut short by the
fault, one with an alias that has gone, one with a line of the log that has, and one with the
intended decision that has.
"""

import json
import sqlite3
import sys
from contextlib import closing
from dataclasses import asdict, replace
from math import inf
from pathlib import Path
from typing import Any

from forecasting.stores.registry.store import quiet_environment

quiet_environment()

from tests.faults.bench import Job, learn, work_through  # noqa: E402 - MLflow reads what was set
from tests.faults.plain import make_plain  # noqa: E402
from tests.faults.trials import Bench, Fault, Trial  # noqa: E402

#: Between the alias and the pointer.
CUT_OFF = Fault(part="broken", name="promote.recorded", text="promote.recorded:kill")


def cut_short(home: Path) -> None:
    """Take the last byte of every published graph."""
    for graph in home.glob("published/*/*/model.onnx"):
        graph.write_bytes(graph.read_bytes()[:-1])


def without_alias(home: Path) -> None:
    """Let the alias `champion` go missing."""
    with closing(sqlite3.connect(home / "mlflow" / "mlflow.db")) as connection, connection:
        connection.execute("DELETE FROM registered_model_aliases WHERE alias = 'champion'")


def without_a_line(home: Path) -> None:
    """Take the first line out of the promotion log."""
    log = home / "promotions.jsonl"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[1:]))


def without_an_intention(home: Path) -> None:
    """Take away what was written down before the alias moved."""
    for path in home.glob("decisions/*.intended.json"):
        path.unlink()


def without(name: str, **changes: object) -> Job:
    """Return the same trial at a bench that is changed so, under a name of its own."""

    def act(bench: Bench, wanted: dict[str, Any]) -> Trial:
        return replace(bench, **changes).tried(replace(CUT_OFF, name=name), wanted)

    return act


JOBS = (
    without("whole"),
    without("without healing", healing=False),
    without("a file cut short", spoil=cut_short),
    without("an alias gone", spoil=without_alias),
    without("a log line gone", spoil=without_a_line),
    without("an intention gone", spoil=without_an_intention),
)


def main(folder: str) -> None:
    """Do the six trials, two at a time.

    Raises:
        RuntimeError: a worker could not do its own.
    """
    make_plain()
    learn(Path(folder), counting=None)
    found = {}
    for trial in work_through(Path(folder), JOBS, workers=2, until=inf):
        if trial is None or trial.part != CUT_OFF.part:
            raise RuntimeError(f"no trial was done: {trial}")
        found[trial.name] = asdict(trial)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
