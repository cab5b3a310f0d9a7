"""Train the lecture's LSTM in Keras, in plain PyTorch and in Gatecast by turns, and time epochs."""

import json
import os
import statistics
import subprocess  # the rivals' interpreter, our own module
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.outside import ONE_THREAD, ROOT, RivalFailed
from forecasting.climate.lecture import BATCH, LectureData, fit_lecture
from forecasting.training.machine import one_thread

#: Trains for so many epochs and returns the seconds of each.
Racer = Callable[[int], list[float]]


@dataclass(frozen=True, kw_only=True)
class Race:
    """The lecture's windows, and how often each trains for how many epochs on them."""

    data: LectureData
    epochs: int
    repeats: int

    def run(self, python: Path) -> dict[str, list[float]]:
        """Let all train by turns; returns the seconds of every epoch by the racer's name.

        Keras trains twice: with the threads that it takes of its own accord, and with one.
        """
        one_thread()
        with ExitStack() as stack, tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            np.save(folder / "inputs.npy", np.ascontiguousarray(self.data.train_inputs))
            np.save(folder / "targets.npy", np.ascontiguousarray(self.data.train_targets))
            racers: dict[str, Racer] = {
                "gatecast": lambda epochs: gatecast_epochs(self.data, epochs),
                "torch": PlainTorch(self.data).run,
                "keras": stack.enter_context(keras_epochs(python, folder, {})),
                "keras_one_thread": stack.enter_context(keras_epochs(python, folder, ONE_THREAD)),
            }
            return self.by_turns(racers)

    def by_turns(self, racers: dict[str, Racer]) -> dict[str, list[float]]:
        """Let each train once, then each again: what slows the machine slows all."""
        seconds: dict[str, list[float]] = {name: [] for name in racers}
        for _ in range(self.repeats):
            for name, train in racers.items():
                seconds[name] += train(self.epochs)
        return seconds


def ratios(seconds: dict[str, list[float]]) -> dict[str, Any]:
    """Return the median seconds of an epoch by name, and Gatecast's in units of each other's."""
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    ours = medians["gatecast"]
    return {"epoch_seconds": medians} | {
        f"epoch_ratio_to_{name}": ours / median
        for name, median in medians.items()
        if name != "gatecast"
    }


def gatecast_epochs(data: LectureData, epochs: int) -> list[float]:
    """Train with the product's loop; as elsewhere, no score after an epoch is timed."""
    _, fit = fit_lecture(data, seed=0, epochs=epochs)
    return [epoch.seconds for epoch in fit.history]


class PlainTorch(nn.Module):
    """The same layers in the fewest lines that PyTorch needs."""

    def __init__(self, data: LectureData) -> None:
        super().__init__()
        self.first = nn.LSTM(1, 50, batch_first=True)
        self.second = nn.LSTM(50, 64, batch_first=True)
        self.dense = nn.Sequential(nn.Linear(64, 32), nn.Linear(32, 16), nn.Linear(16, 1))
        self.inputs = torch.from_numpy(np.ascontiguousarray(data.train_inputs))
        self.targets = torch.from_numpy(np.ascontiguousarray(data.train_targets))
        self.optimiser = torch.optim.Adam(self.parameters())

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (batch, 60, 1) to (batch, 1)."""
        outputs, _ = self.first(inputs)
        outputs, _ = self.second(outputs)
        return cast("Tensor", self.dense(outputs[:, -1]))

    def train_epoch(self) -> float:
        """Train once over all windows; returns the seconds."""
        began = time.perf_counter()
        for batch in torch.randperm(len(self.inputs)).split(BATCH):
            self.optimiser.zero_grad()
            loss = nn.functional.mse_loss(self(self.inputs[batch]), self.targets[batch])
            loss.backward()
            self.optimiser.step()
        return time.perf_counter() - began

    def run(self, epochs: int) -> list[float]:
        """Train for some epochs; returns the seconds of each."""
        return [self.train_epoch() for _ in range(epochs)]


@contextmanager
def keras_epochs(python: Path, folder: Path, threads: dict[str, str]) -> Iterator[Racer]:
    """Keep a process of Keras ready on the windows of a folder.

    Raises:
        RivalFailed: the process ended.
    """
    environment = {name: value for name, value in os.environ.items() if name not in ONE_THREAD}
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            [str(python), "-m", "benchmarks.rivals.epochs", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=folder,
            env=environment | threads | {"PYTHONPATH": str(ROOT)},
        ) as child,
    ):

        def hear() -> Any:  # noqa: ANN401 - what the child's JSON holds
            line = child.stdout.readline() if child.stdout else ""
            if not line:
                errors.seek(0)
                raise RivalFailed("Keras ended", expected="seconds", found=errors.read()[-500:])
            return json.loads(line)

        def train(epochs: int) -> list[float]:
            if child.stdin is not None:
                child.stdin.write(f"{epochs}\n")
                child.stdin.flush()
            return cast("list[float]", hear())

        try:
            hear()
            yield train
        finally:
            child.kill()
