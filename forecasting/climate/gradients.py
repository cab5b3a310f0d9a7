"""Show why gates exist: how much of a forecast's error reaches each step of the past, by cell."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from forecasting.climate.model import ClimateForecaster
from forecasting.climate.series import ClimateSeries
from forecasting.climate.windows import cut
from forecasting.recurrent import CELLS, Cell, CoreSpec, RecurrentCore
from forecasting.training.loop import TrainingSpec, train

#: Windows, evenly spread over the series, on which the cells are compared.
WINDOWS = 256

#: The same brief training for every cell. A rate at which none of them diverges.
BRIEFLY = TrainingSpec(epochs=10, learning_rate=3e-3, seed=0, optimiser="adam", keep="last")

BATCH = 64


@dataclass(frozen=True, kw_only=True)
class GradientCourse:
    """How the loss depends on one cell's state, step by step.

    `untrained` and `trained` are (steps,), the oldest step first: the norm of the loss'
    gradient with respect to the whole state after that step, in the mean over the windows.
    `loss` is the mean loss before and after the training.
    """

    untrained: NDArray[np.float64]
    trained: NDArray[np.float64]
    loss: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Examples:
    """What every cell reads, and what it is asked for.

    `features` is (windows, steps, features); `targets` (windows, horizon) are changes from the
    last observation in spreads of the lead, 0 where `known`, of the same shape, is false.
    """

    features: Tensor
    targets: Tensor
    known: Tensor


class Probe(nn.Module):
    """A bare cell of one layer with a straight line from its last state to the leads."""

    def __init__(self, cell: Cell, examples: Examples, width: int) -> None:
        super().__init__()
        inputs, leads = examples.features.shape[-1], examples.targets.shape[-1]
        self.core = RecurrentCore(CoreSpec(cell=cell, inputs=inputs, widths=(width,)))
        self.head = nn.Linear(width, leads)

    def forward(self, features: Tensor) -> Tensor:
        """Return (batch, horizon) from features (batch, steps, features)."""
        _, state = self.core(features)
        answers: Tensor = self.head(state[-1][0].squeeze(0))
        return answers


class ProbeTask:
    """The loop's view of a probe: batches of windows, squared error."""

    def __init__(self, probe: Probe, examples: Examples) -> None:
        self.probe, self.examples = probe, examples

    @property
    def model(self) -> nn.Module:
        """The probe's weights."""
        return self.probe

    def batches(self, generator: torch.Generator) -> Iterable[Tensor]:
        """Yield the windows in random order."""
        order = torch.randperm(len(self.examples.features), generator=generator)
        for first in range(0, len(order), BATCH):
            yield order[first : first + BATCH]

    def loss(self, batch: object, carry: object) -> tuple[Tensor, object]:
        """Return the squared error of a batch."""
        rows = torch.as_tensor(batch)
        answers = self.probe(self.examples.features[rows])
        return _error(answers, self.examples.targets[rows], self.examples.known[rows]), carry

    def score(self) -> float:
        """Return the squared error over all windows."""
        every = torch.arange(len(self.examples.features))
        return float(self.loss(every, None)[0])


def gather_examples(member: ClimateForecaster, series: ClimateSeries) -> Examples:
    """Take evenly spread windows of a series, as a member of the ensemble reads them.

    Raises:
        WindowError: the series holds no window.
    """
    window = member.spec.window
    windows = cut(series, window, window.origins(0, len(series)))
    places = np.unique(np.linspace(0, len(windows) - 1, WINDOWS).round().astype(np.int64))
    history = torch.from_numpy(windows.history[places])
    origin = torch.from_numpy(windows.origin_seconds(places))
    target = torch.from_numpy(windows.target[places])
    last = torch.from_numpy(windows.history[places, -1, series.target_column]).unsqueeze(1)
    change = (target - last) / member.get_buffer("spread")
    known = torch.isfinite(change)
    with torch.no_grad():
        features = member.features(history, origin)
    return Examples(features=features, targets=torch.where(known, change, 0.0), known=known)


def compare_cells(examples: Examples, width: int) -> dict[str, GradientCourse]:
    """Start every cell from the same seed at the same width, train it briefly, look both times.

    Source: Bengio, Simard and Frasconi (1994), Learning long-term dependencies with gradient
    descent is difficult; Pascanu, Mikolov and Bengio (2013), On the difficulty of training
    recurrent neural networks.
    """
    return {cell: _follow(cell, examples, width) for cell in CELLS}


def _follow(cell: Cell, examples: Examples, width: int) -> GradientCourse:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(BRIEFLY.seed)
        task = ProbeTask(Probe(cell, examples, width), examples)
    with torch.no_grad():
        before = task.score()
    untrained = state_gradients(task.probe, examples)
    fit = train(task, BRIEFLY)
    return GradientCourse(
        untrained=untrained,
        trained=state_gradients(task.probe, examples),
        loss=(before, fit.history[-1].score),
    )


def state_gradients(probe: Probe, examples: Examples) -> NDArray[np.float64]:
    """Return the norm of each window's loss gradient by the state after each step: (steps,).

    The state is all that a step hands to the next, so nothing of the past goes round it: the
    LSTM's hidden and memory state together, the others' hidden state.
    """
    held, state = [], None
    for step in range(examples.features.shape[1]):
        _, state = probe.core(examples.features[:, step : step + 1], state)
        held.append(state[-1])
    answers = probe.head(held[-1][0].squeeze(0))
    # The sum over windows of each one's own mean: no window's gradient depends on the others.
    loss = torch.stack(
        [_error(*each) for each in zip(answers, examples.targets, examples.known, strict=True)]
    ).sum()
    parts = [part for each in held for part in each]
    slopes = iter(torch.autograd.grad(loss, parts, allow_unused=True))
    norms = []
    for each in held:
        reached = [slope for slope in (next(slopes) for _ in each) if slope is not None]
        norms.append(torch.cat(reached, dim=-1).norm(dim=-1).mean().item())
    return np.array(norms)


def _error(answers: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """Mean squared error over what is known; 0 where nothing is."""
    squared = torch.where(known, (answers - targets).square(), 0.0)
    return squared.sum() / known.sum().clamp(min=1)
