"""Ask the rivals that live in an environment of their own: a question in a folder, a process."""

import os
import subprocess  # the rivals' interpreter, our own modules
import tempfile
from datetime import UTC
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.protocol import Protocol
from benchmarks.rivals.exchange import Answer, Question, read_answers
from forecasting.climate import calendar
from forecasting.climate.model import LEVELS
from forecasting.climate.series import ClimateSeries
from forecasting.errors import GatecastError

ROOT = Path(__file__).resolve().parents[1]
PYTHON = Path(".venv-rivals") / "bin" / "python"

#: The modules under `benchmarks.rivals`, each with the folder of its answers.
RIVALS = ("statistical", "neural", "taught")

#: Like for like on a shared machine: one thread for each model, as Gatecast's members have.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


class RivalsMissing(GatecastError):
    """The rivals' environment was not made."""

    code = "RIVALS_MISSING"


class RivalFailed(GatecastError):
    """A rival's process ended without answers."""

    code = "RIVAL_FAILED"


def rivals_python(root: Path | None = None) -> Path:
    """Find the interpreter of the rivals' environment in a clone; in this one when None.

    Raises:
        RivalsMissing: it is not there.
    """
    python = (root or ROOT) / PYTHON
    if not python.is_file():
        raise RivalsMissing(
            "the rivals' environment is missing: run `make rivals`", expected=PYTHON, found="none"
        )
    return python


def filled(series: ClimateSeries) -> NDArray[np.float64]:
    """Fill gaps for models that cannot have any, (rows, variables): the last known value stays.

    What precedes a column's first known value is that value; a column without any is zero.
    """
    known = series.observed
    first = np.argmax(known, axis=0)
    rows = np.where(known, np.arange(len(series))[:, None], first)
    whole = np.take_along_axis(series.values, np.maximum.accumulate(rows, axis=0), axis=0)
    return np.nan_to_num(whole.astype(np.float64), nan=0.0)


def ask(protocol: Protocol, seed: int) -> Question:
    """Put a contest in the rivals' words."""
    series, window = protocol.series, protocol.window
    step = int(series.step.total_seconds())
    ahead = series.seconds[-1] + step * np.arange(1, window.horizon + 1)
    return Question(
        names=series.names,
        target=series.target_column,
        train=protocol.train,
        origins=len(protocol.origins),
        history=window.history,
        horizon=window.horizon,
        levels=LEVELS,
        start=series.start.astimezone(UTC).replace(tzinfo=None).isoformat(),
        step_seconds=step,
        seed=seed,
        values=filled(series),
        calendar=calendar.design(np.concatenate([series.seconds, ahead]), step),
    )


def answers_of(rival: str, question: Question, python: Path) -> dict[str, Answer]:
    """Run one rival's process on a question; returns its models' answers.

    Raises:
        RivalFailed: the process ended with an error.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        question.write(folder)
        run_rival(python, [f"benchmarks.rivals.{rival}", str(folder)])
        return read_answers(folder / rival)


def run_rival(python: Path, arguments: list[str]) -> str:
    """Run a module of `benchmarks.rivals` in a folder that is thrown away; returns what it said.

    Raises:
        RivalFailed: the process ended with an error.
    """
    with tempfile.TemporaryDirectory() as here:
        done = subprocess.run(
            [str(python), "-m", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=here,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": str(ROOT)},
        )
    if done.returncode != 0:
        tail = done.stderr.strip()[-500:]
        raise RivalFailed(f"{arguments[0]} failed", expected="exit 0", found=tail)
    return done.stdout
