"""Measure a setting at the held-out origins of the train rows, and what another seed changes."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.protocol import Protocol
from benchmarks.space import Setting
from forecasting.climate.assembling import assemble
from forecasting.climate.recipe import Fitting
from forecasting.climate.windows import Blocks

#: A setting's losses, a seed each, by station.
Losses = Mapping[str, Sequence[float]]


def held_out_loss(protocol: Protocol, setting: Setting, seed: int) -> float:
    """Fit every member on the protocol's train rows; no row after them is read.

    Returns:
        The pinball loss of `assemble` at the origins that the folds hold out, target's unit.

    Raises:
        Diverged: a member's training did.
    """
    rows = protocol.train
    fitting = Fitting(
        series=protocol.series.rows(0, rows),
        window=protocol.window,
        blocks=Blocks(train=rows, gate=rows),
        recipe=setting.recipe,
        cell=setting.cell,
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for member in fitting.recipe.seeds(seed):
            fitting.fit_member(member, folder)
        return assemble(fitting, folder).loss


def relative(losses: Losses, default: Losses) -> list[float]:
    """Return the losses, a seed each, in units of the default's mean, averaged over stations."""
    shares = [np.asarray(each) / np.mean(default[name]) for name, each in losses.items()]
    return [float(share) for share in np.mean(shares, axis=0)]


def noise(default: Losses) -> float:
    """Return what a seed changes: the standard deviation of the default's relative loss."""
    return float(np.std(relative(default, default), ddof=1))
