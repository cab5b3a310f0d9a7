"""Say what an ensemble's gates did over one history, and how far back its memory reaches."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from forecasting.climate.model import ClimateForecaster
from forecasting.gates import LayerGates, open_gates

#: Between these quantiles lie 80 % of all units of all members.
BAND = (0.1, 0.9)


@dataclass(frozen=True, kw_only=True)
class Course:
    """A gate over the history, oldest step first: mean and band over the units, (steps,) each."""

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MemberMemory:
    """How far back one member's memory reaches, in steps: its units' mean, least and most."""

    cell: str
    view: str
    mean: float
    least: float
    most: float


@dataclass(frozen=True, kw_only=True)
class Gating:
    """What the gates of all members did.

    `gates` has a course for each gate by cell; `kept`, (steps,) by cell, is how much of the
    memory written so many steps back still stands at the origin, in the mean over all units.
    """

    gates: dict[str, dict[str, Course]]
    kept: dict[str, NDArray[np.float64]]
    memory: tuple[MemberMemory, ...]

    @property
    def memory_length(self) -> float:
        """The mean of the members' memory lengths, in steps."""
        return float(np.mean([each.mean for each in self.memory]))


def watch_gates(
    members: Sequence[ClimateForecaster], history: NDArray[np.float32], origin: int
) -> Gating:
    """Run every member over a history and watch its gates.

    Args:
        members: gated forecasters; units of all layers and members of a cell count alike.
        history: (steps, variables) in physical units, NaN for gaps.
        origin: seconds of the last step.

    Raises:
        ModelInvalid: a member's cell has no gates.
    """
    layers: dict[str, list[LayerGates]] = {}
    memory = []
    for member in members:
        with torch.no_grad():
            features = member.features(torch.from_numpy(history[None]), torch.tensor([origin]))
            opened = open_gates(member.core, features)
        layers.setdefault(member.spec.cell, []).extend(opened)
        memory.append(_measure_memory(member, opened))
    return Gating(
        gates={cell: _courses(each) for cell, each in layers.items()},
        kept={
            cell: _units([layer.kept for layer in each]).mean(axis=1)
            for cell, each in layers.items()
        },
        memory=tuple(memory),
    )


def _measure_memory(member: ClimateForecaster, layers: Sequence[LayerGates]) -> MemberMemory:
    lengths = torch.cat([layer.memory_length for layer in layers], dim=-1)
    return MemberMemory(
        cell=member.spec.cell,
        view=member.spec.view,
        mean=lengths.mean().item(),
        least=lengths.min().item(),
        most=lengths.max().item(),
    )


def _courses(layers: Sequence[LayerGates]) -> dict[str, Course]:
    return {name: _course([layer.gates[name] for layer in layers]) for name in layers[0].gates}


def _course(gates: Sequence[torch.Tensor]) -> Course:
    units = _units(gates)
    low, high = np.quantile(units, BAND, axis=1)
    return Course(mean=units.mean(axis=1), low=low, high=high)


def _units(parts: Sequence[torch.Tensor]) -> NDArray[np.float64]:
    """Join (1, steps, width) of every layer and member to (steps, units)."""
    joined: NDArray[np.float64] = torch.cat(list(parts), dim=-1)[0].double().numpy()
    return joined
