"""Train a member on drawn windows, and let stations read it: own numbers, shared weights."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as from_bytes
from torch import Tensor, nn

from forecasting.climate.baselines import Baselines
from forecasting.climate.drawing import Drawn
from forecasting.climate.fitting import loss_in_spreads
from forecasting.climate.model import ClimateForecaster, Prepared
from forecasting.climate.pooling import PooledFitting, SharedParts
from forecasting.climate.recipe import SEEDS_A_RUN, VIEWS
from forecasting.climate.statics import STATICS, Standards, numbers_of
from forecasting.training.exporting import write_weights


def with_statics(drawn: Drawn, statics: Tensor, counts: Sequence[int]) -> None:
    """Write each station's statics into its windows, in place.

    Args:
        drawn: the stations' windows behind each other.
        statics: (stations, statics).
        counts: how many windows each station brought.
    """
    each = np.repeat(statics.numpy(), counts, axis=0)  # (windows, statics)
    drawn.features[:, :, -len(STATICS) :] = each[:, np.newaxis]


class DrawnTask:
    """One member on a fixed number of drawn windows, of whichever stations they are.

    Args:
        member: its trained parts are trained; its fitted numbers are not used.
        train: windows to train on.
        stop: windows of the stretch that the member never sees, to stop on.
        size: windows a step.
    """

    def __init__(self, member: ClimateForecaster, train: Drawn, stop: Drawn, size: int) -> None:
        self.member, self.train, self.stop, self._size = member, train, stop, size
        self._model = SharedParts(member)
        self._levels = torch.tensor(member.spec.levels)

    @property
    def model(self) -> nn.Module:
        """The shared weights."""
        return self._model

    def batches(self, generator: torch.Generator) -> Iterator[NDArray[np.int64]]:
        """Yield every window once, in random order."""
        order = torch.randperm(len(self.train), generator=generator).numpy()
        for first in range(0, len(order), self._size):
            yield order[first : first + self._size]

    def loss(self, batch: object, carry: object) -> tuple[Tensor, object]:
        """Return the mean loss over the known targets of a batch, in spreads of their stations."""
        positions = np.asarray(batch)
        quantiles = self.member.forecast(_rows(self.train, positions))
        target = torch.from_numpy(self.train.target[positions])
        spread = torch.from_numpy(self.train.spread[positions])
        return loss_in_spreads(target, quantiles, spread, self._levels), carry

    def score(self) -> float:
        """Return the early-stop error, in the target's unit at a station of the usual spread."""
        errors, centre = [], self.member.spec.levels.index(0.5)
        for first in range(0, len(self.stop), 512):
            rows = np.arange(first, min(first + 512, len(self.stop)))
            medians = self.member.forecast(_rows(self.stop, rows))[..., centre].numpy()
            errors.append(np.abs(self.stop.target[rows] - medians))
        spreads = self.stop.spread.mean(axis=1)
        in_spreads = np.nanmean(np.concatenate(errors), axis=1) / spreads
        return float(in_spreads.mean() * spreads.mean())


def _rows(drawn: Drawn, positions: NDArray[np.int64]) -> Prepared:
    return Prepared(
        features=torch.from_numpy(drawn.features[positions]),
        ahead=torch.from_numpy(drawn.ahead[positions]),
        start=torch.from_numpy(drawn.start[positions]),
        spread=torch.from_numpy(drawn.spread[positions]),
    )


def write_shared(task: DrawnTask, seed: int, folder: Path) -> Path:
    """Keep what all stations share of a trained member; returns the file."""
    path = PooledFitting.weights_path(seed, folder)
    write_weights(task.model, path)
    return path


@dataclass(frozen=True, kw_only=True)
class DrawnFitting(PooledFitting):
    """One station's part in a global candidate whose weights are kept once for all stations.

    `standards` are those of each fold, by which the station's statics are told.
    """

    standards: tuple[Standards, ...]

    def load_member(self, seed: int, folder: Path, rivals: Baselines) -> ClimateForecaster:
        """Make a member of the shared weights in the folder and of the station's own numbers."""
        member = self.build(seed, rivals)
        shared = from_bytes(self.weights_path(seed, folder).read_bytes())
        member.load_state_dict({**member.state_dict(), **shared})
        numbers = numbers_of(member, self.series.station)
        standards = self.standards[seed % SEEDS_A_RUN // len(VIEWS)]
        member.statics = standards.of_stations([numbers])[0]
        return member.eval()
