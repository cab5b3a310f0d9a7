"""Train in forked children that are killed at named points, then resume; print what came of it.

Run as a script, so that torch is loaded once: `killed_training.py FOLDER POINT:SIGNAL …`.
Prints one JSON object: per trial the signal that ended the child, and after resuming the epoch
resumed from and the digest of the final weights; under "unbroken" that of a run never killed.
"""

import hashlib
import json
import os
import signal
import sys
from pathlib import Path
from unittest import mock

import torch
from torch import nn

from forecasting.recurrent import CoreSpec, RecurrentCore
from forecasting.training.loop import TrainingSpec, train
from forecasting.training.machine import one_thread

SPEC = TrainingSpec(
    epochs=5, learning_rate=1e-2, seed=5, schedule="cosine", warmup=0.1, weight_decay=1e-3
)
BATCHES = 4


class SumTask:
    """Sum short sequences with a recurrent core under dropout; told when each batch is reached."""

    def __init__(self, reached):
        torch.manual_seed(7)
        self.core = RecurrentCore(CoreSpec(cell="lstm", inputs=1, widths=(4, 4), dropout=0.2))
        self.model = nn.ModuleDict({"core": self.core, "head": nn.Linear(4, 1)})
        self.inputs = torch.randn(32, 6, 1)
        self.reached, self.batch = reached, 0

    def batches(self, generator):
        yield from torch.randperm(32, generator=generator).split(32 // BATCHES)

    def loss(self, batch, carry):
        self.batch += 1
        self.reached(f"batch {self.batch}")
        return self._error(batch), carry

    def score(self):
        return float(self._error(torch.arange(32)))

    def _error(self, batch):
        outputs, _ = self.core(self.inputs[batch])
        return nn.functional.mse_loss(
            self.model["head"](outputs[:, -1]), self.inputs[batch].sum(dim=1)
        )


def run(folder, reached):
    """Train; returns the epoch resumed from and the digest of the final weights."""
    task = SumTask(reached)
    flushed = 0
    real = os.fsync

    def fsync(handle):
        nonlocal flushed
        flushed += 1
        reached(f"flush {flushed}")
        real(handle)

    with mock.patch("os.fsync", fsync):
        fit = train(
            task, SPEC, checkpoints=folder, watch=lambda epoch: reached(f"epoch {epoch.epoch}")
        )
    digest = hashlib.sha256()
    for name, weight in sorted(task.model.state_dict().items()):
        digest.update(name.encode() + weight.numpy().tobytes())
    return {"resumed_from": fit.resumed_from, "weights": digest.hexdigest()}


def nothing(place):
    """Let every place pass."""


def killed_at(folder, point, number):
    """Train in a child that is killed at the point; returns the signal that ended it."""
    child = os.fork()
    if child == 0:
        run(folder, lambda place: os.kill(os.getpid(), number) if place == point else None)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def main(home, *trials):
    one_thread()
    found = {}
    for trial in trials:
        point, _, name = trial.partition(":")
        folder = Path(home) / trial
        ended = killed_at(folder, point, getattr(signal, name))
        left = sorted(path.name[:12] for path in folder.glob("epoch-*"))
        found[trial] = {"ended": ended, "left": left, **run(folder, nothing)}
    found["unbroken"] = run(Path(home) / "unbroken", nothing)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
