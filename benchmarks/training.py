"""Time training beside the rivals': `python -m benchmarks.training [--dataset seattle] [--json]`.

First the lecture's LSTM in Keras, in plain PyTorch and in Gatecast, by turns; then the default
retraining, a whole process in a fresh home, beside the whole process of one neuralforecast LSTM.
Needs `make rivals`. Exit codes: 0 done, 1 refused, 2 the call was wrong.
"""

import argparse
import json
import os
import subprocess  # our own interpreter, our own command line
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.command import answer, positive
from benchmarks.epochs import Race, ratios
from benchmarks.outside import ROOT, ask, rivals_python, run_rival
from benchmarks.protocol import Protocol, lay_out, read_protocol
from benchmarks.rivals.exchange import read_answers
from forecasting.climate.lecture import BATCH, prepare
from forecasting.errors import GatecastError
from pipelines.commands.output import print_table

#: neuralforecast's model; its steps are those of the accuracy benchmark.
NEURAL = "nf_lstm"


class RetrainingFailed(GatecastError):
    """The retraining that was to be timed ended with an error."""

    code = "RETRAINING_FAILED"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; a wrong one ends the program with 2."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--dataset", default="seattle", help="a shipped name or a .toml file")
    parser.add_argument("--csv", nargs="+", default=[], help="files in place of the source")
    parser.add_argument("--epochs", type=positive, default=3, help="epochs of a turn")
    parser.add_argument("--repeats", type=positive, default=5, help="turns of each")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(arguments)


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Time everything, one thing at a time, with progress on standard error.

    Raises:
        GatecastError: the data or the rivals' environment do not allow it.
    """
    python = rivals_python()
    with Console(stderr=True).status("reading the data") as status:
        protocol = read_protocol(asked.dataset, asked.csv, origins=1)
        data = prepare(protocol.series)
        status.update("epochs of the lecture's LSTM")
        race = Race(data=data, epochs=asked.epochs, repeats=asked.repeats)
        found = ratios(race.run(python))
        status.update("the default retraining")
        retrain = retrain_seconds(asked.dataset, asked.csv)
        status.update(NEURAL)
        whole, fit = neural_seconds(protocol, python)
    return {
        "dataset": protocol.dataset,
        "rows": len(protocol.series),
        "windows": len(data.train_inputs),
        "batch": BATCH,
        "epochs": asked.epochs,
        "repeats": asked.repeats,
        **found,
        "retrain_seconds": retrain,
        "neuralforecast_seconds": whole,
        "neuralforecast_fit_seconds": fit,
        "retrain_ratio_to_neuralforecast": retrain / whole,
    }


def retrain_seconds(dataset: str, csv: Sequence[str]) -> float:
    """Time `gatecast retrain` as a whole process, from nothing: its stores are made anew.

    Raises:
        RetrainingFailed: it ended with an error.
    """
    command = [sys.executable, str(ROOT / "gatecast.py"), "retrain", dataset, "--json"]
    command += ["--csv", *csv] if csv else []
    with tempfile.TemporaryDirectory() as home:
        began = time.perf_counter()
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "GATECAST_HOME": home, "PYTHONPATH": str(ROOT)},
        )
        seconds = time.perf_counter() - began
    if done.returncode != 0:
        tail = done.stderr.strip()[-500:]
        raise RetrainingFailed("gatecast retrain failed", expected="exit 0", found=tail)
    json.loads(done.stdout)
    return seconds


def neural_seconds(protocol: Protocol, python: Path) -> tuple[float, float]:
    """Time one neuralforecast LSTM on all rows: the whole process, and its fit alone."""
    rows = len(protocol.series) - protocol.window.horizon
    whole = lay_out(protocol.dataset, protocol.series, protocol.window, (rows, 1))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ask(whole, seed=0).write(folder)
        began = time.perf_counter()
        run_rival(python, ["benchmarks.rivals.neural", name, NEURAL])
        seconds = time.perf_counter() - began
        return seconds, read_answers(folder / "neural")[NEURAL].fit_seconds


def print_times(told: dict[str, Any]) -> None:
    """Print what was timed as two tables."""
    seconds = told["epoch_seconds"]
    print_table(
        f"one epoch of the lecture's LSTM, {told['windows']} windows, batch {told['batch']}",
        ("", "seconds", "Gatecast takes"),
        [
            (name.replace("_", " "), f"{each:.3f}", f"{seconds['gatecast'] / each:.2f} of it")
            for name, each in seconds.items()
        ],
    )
    print_table(
        f"a whole process on {told['rows']} rows",
        ("", "seconds"),
        [
            ("gatecast retrain", f"{told['retrain_seconds']:.1f}"),
            ("one neuralforecast LSTM", f"{told['neuralforecast_seconds']:.1f}"),
        ],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where something is refused."""
    return answer(parse(arguments), measure, print_times)


if __name__ == "__main__":
    sys.exit(main())
