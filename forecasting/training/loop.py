"""Fit any model with one loop: clip, schedule, stop early, keep the best epoch, resume."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from forecasting.errors import Diverged
from forecasting.training.checkpoints import Checkpoint, Weights, latest, save


class Task(Protocol):
    """What the loop asks of a model and its data; it knows nothing more of either."""

    @property
    def model(self) -> nn.Module:
        """The weights to train."""

    def batches(self, generator: torch.Generator) -> Iterable[object]:
        """Yield one epoch of batches, drawn with the generator."""

    def loss(self, batch: object, carry: object) -> tuple[Tensor, object]:
        """Return the loss of a batch, and what the next batch of this epoch is given."""

    def score(self) -> float:
        """Return the early-stopping error, in the target's unit; lower is better."""


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """How to train: everything that the final weights depend on beside task and code.

    `patience` counts epochs without a better score; `clip_norm` is the largest gradient norm
    let through; `warmup` is the share of all steps over which the rate rises; `keep` says
    whose weights the model ends with, the best epoch's or, as in the lecture, the last's.
    """

    epochs: int
    learning_rate: float
    seed: int
    optimiser: Literal["adamw", "adam", "sgd"] = "adamw"
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    patience: int | None = None
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: float = 0.0
    keep: Literal["best", "last"] = "best"


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """What one epoch showed. Norms are those of the gradient before and after clipping.

    `seconds` are those of the training; the score after it is not among them.
    """

    epoch: int
    loss: float
    score: float
    norm: float
    largest_norm: float
    clipped_norm: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The outcome: the model holds the weights of `best_epoch`."""

    history: tuple[Epoch, ...]
    best_epoch: int
    best_score: float
    diverged: bool
    resumed_from: int


@dataclass
class _Progress:
    """The loop's place, as it is kept in a checkpoint."""

    best: Weights
    best_epoch: int = 0
    best_score: float = math.inf
    history: list[Epoch] = field(default_factory=list)
    finished: bool = False
    diverged: bool = False


def learning_rate(spec: TrainingSpec, done: float) -> float:
    """Return the rate when a share `done` (0 to 1) of all steps is behind.

    A pure function of the place in training, so that a resumed run needs no schedule state.
    """
    if done < spec.warmup:
        return spec.learning_rate * (0.05 + 0.95 * done / spec.warmup)
    if spec.schedule == "constant":
        return spec.learning_rate
    along = (done - spec.warmup) / (1 - spec.warmup)
    return spec.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * along)))


def make_optimiser(spec: TrainingSpec, model: nn.Module) -> torch.optim.Optimizer:
    """Build the optimiser over the weights that may change."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    if spec.optimiser == "sgd":
        return torch.optim.SGD(weights, lr=spec.learning_rate, weight_decay=spec.weight_decay)
    if spec.optimiser == "adam":
        return torch.optim.Adam(weights, lr=spec.learning_rate, weight_decay=spec.weight_decay)
    return torch.optim.AdamW(weights, lr=spec.learning_rate, weight_decay=spec.weight_decay)


def train(
    task: Task,
    spec: TrainingSpec,
    *,
    checkpoints: Path | None = None,
    watch: Callable[[Epoch], None] | None = None,
) -> Fit:
    """Train the task's model and leave the best epoch's weights in it.

    Args:
        task: the model with its data.
        spec: how to train.
        checkpoints: folder for a checkpoint an epoch; an earlier run of the same spec that
            was cut off there is resumed and ends with the same weights as an unbroken one.
        watch: called after each epoch.

    Raises:
        Diverged: the loss or a gradient was not finite before the first epoch was whole.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        run = _Run(task, spec, checkpoints)
        while not run.progress.finished:
            epoch = run.step_epoch()
            if epoch is not None and watch is not None:
                watch(epoch)
    return run.result()


class _Run:
    """One training from its start, or from its last whole checkpoint, to its end."""

    def __init__(self, task: Task, spec: TrainingSpec, checkpoints: Path | None) -> None:
        self.task, self.spec, self.folder = task, spec, checkpoints
        self.generator = torch.Generator().manual_seed(spec.seed)
        self.optimiser = make_optimiser(spec, task.model)
        self.progress = _Progress(best=_weights(task.model))
        self.resumed_from = 0
        found = None if checkpoints is None else latest(checkpoints, asdict(spec))
        if found is not None:
            self._resume(found)

    def step_epoch(self) -> Epoch | None:
        """Train one epoch, score it, keep it; None where a number was no longer finite."""
        began = time.perf_counter()
        place = len(self.progress.history)
        measured = self._pass(place)
        seconds = time.perf_counter() - began
        if measured is None:
            self._give_up()
            return None
        loss, norms = measured
        score = self._score()
        if not math.isfinite(score):
            self._give_up()
            return None
        epoch = Epoch(
            epoch=place + 1,
            loss=loss,
            score=score,
            norm=sum(norms) / len(norms),
            largest_norm=max(norms),
            # What clip_grad_norm_ leaves of a norm, by its own rule.
            clipped_norm=sum(min(norm, self.spec.clip_norm) for norm in norms) / len(norms),
            learning_rate=self.optimiser.param_groups[0]["lr"],
            seconds=seconds,
        )
        self._keep(epoch)
        return epoch

    def result(self) -> Fit:
        """Put the best epoch's weights into the model and say how training went."""
        self.task.model.load_state_dict(self.progress.best)
        return Fit(
            history=tuple(self.progress.history),
            best_epoch=self.progress.best_epoch,
            best_score=self.progress.best_score,
            diverged=self.progress.diverged,
            resumed_from=self.resumed_from,
        )

    def _pass(self, place: int) -> tuple[float, list[float]] | None:
        """Run over all batches; returns the mean loss and every gradient norm before clipping."""
        model = self.task.model.train()
        batches = list(self.task.batches(self.generator))
        losses, norms = [], []
        carry: object = None
        for position, batch in enumerate(batches):
            rate = learning_rate(self.spec, (place + position / len(batches)) / self.spec.epochs)
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            self.optimiser.zero_grad(set_to_none=True)
            loss, carry = self.task.loss(batch, carry)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), self.spec.clip_norm)
            if not (torch.isfinite(loss) and torch.isfinite(norm)):
                return None
            self.optimiser.step()
            losses.append(loss.item())
            norms.append(norm.item())
        return sum(losses) / len(losses), norms

    def _score(self) -> float:
        self.task.model.eval()
        with torch.no_grad():
            return self.task.score()

    def _keep(self, epoch: Epoch) -> None:
        """Remember the epoch, its weights when they are the best, and write the checkpoint."""
        progress = self.progress
        progress.history.append(epoch)
        if epoch.score < progress.best_score or self.spec.keep == "last":
            progress.best_score, progress.best_epoch = epoch.score, epoch.epoch
            progress.best = _weights(self.task.model)
        waited = epoch.epoch - progress.best_epoch
        impatient = self.spec.patience is not None and waited >= self.spec.patience
        progress.finished = impatient or epoch.epoch >= self.spec.epochs
        self._save()

    def _give_up(self) -> None:
        if self.progress.best_epoch == 0:
            raise Diverged(
                "training diverged before one epoch was whole",
                expected="a finite loss and gradient",
                found=f"not finite at learning rate {self.spec.learning_rate}",
            )
        self.progress.diverged = self.progress.finished = True
        self._save()

    def _save(self) -> None:
        if self.folder is None:
            return
        progress = self.progress
        save(
            self.folder,
            Checkpoint(
                spec=asdict(self.spec),
                epoch=len(progress.history),
                model=_weights(self.task.model),
                best=progress.best,
                optimiser=self.optimiser.state_dict()["state"],
                generators={"batches": self.generator.get_state(), "torch": torch.get_rng_state()},
                progress={
                    "best_epoch": progress.best_epoch,
                    "best_score": progress.best_score,
                    "finished": progress.finished,
                    "diverged": progress.diverged,
                    "history": [asdict(epoch) for epoch in progress.history],
                },
            ),
        )

    def _resume(self, found: Checkpoint) -> None:
        """Stand where the checkpoint was written: weights, optimiser, generators, history."""
        self.task.model.load_state_dict(found.model)
        state = self.optimiser.state_dict()
        self.optimiser.load_state_dict({**state, "state": found.optimiser})
        self.generator.set_state(found.generators["batches"])
        torch.set_rng_state(found.generators["torch"])
        kept = dict(found.progress)
        kept["history"] = [Epoch(**epoch) for epoch in kept["history"]]
        self.progress = replace(self.progress, best=found.best, **kept)
        self.resumed_from = found.epoch


def _weights(model: nn.Module) -> Weights:
    """Copy the weights, so that later steps do not change what was kept."""
    return {name: weight.detach().clone() for name, weight in model.state_dict().items()}
