"""Say what a shared member reads of a station: where it lies, and what is usual there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forecasting.climate.model import ClimateForecaster
from forecasting.climate.series import Station

#: What a shared member knows of its station, over the stations: latitude, elevation, and of the
#: target in its own training rows the mean, the deviation, and the size of the yearly wave.
STATICS = ("latitude", "elevation", "mean", "deviation", "amplitude")

#: How far a station may stand from the others' mean, in deviations.
FARTHEST = 3.0

#: A station's own numbers in the order of `STATICS`; NaN where one is not declared.
Numbers = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Standards:
    """What stations' numbers are compared with: their mean and deviation, a number a static."""

    mean: Numbers
    deviation: Numbers

    @classmethod
    def of(cls, rows: Sequence[Numbers]) -> "Standards":
        """Return the standards of stations, in whose order the sums are taken."""
        numbers = np.array(rows, dtype=np.float64)
        known = np.isfinite(numbers)
        counts = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, numbers, 0.0).sum(axis=0) / counts
        deviation = np.sqrt((_from_mean(numbers, mean) ** 2).sum(axis=0) / counts)
        return cls(mean=tuple(mean.tolist()), deviation=tuple(deviation.tolist()))

    def of_stations(self, rows: Sequence[Numbers]) -> Tensor:
        """Return stations' statics, standardised and clipped: (stations, statics)."""
        from_mean = _from_mean(np.array(rows, dtype=np.float64), np.array(self.mean))
        standard = from_mean / np.maximum(np.array(self.deviation), 1e-6)
        return torch.from_numpy(np.clip(standard, -FARTHEST, FARTHEST)).float()


def statics_of(members: Sequence[ClimateForecaster], places: Sequence[Station]) -> Tensor:
    """Return what each member knows of its station beside the others: (stations, statics).

    Every number is standardised over the stations and clipped; a station without an elevation
    is taken for the mean one. The members' own come from their training rows alone.
    """
    rows = [numbers_of(member, place) for member, place in zip(members, places, strict=True)]
    return Standards.of(rows).of_stations(rows)


def numbers_of(member: ClimateForecaster, place: Station) -> Numbers:
    """Return a station's own numbers: its place, and its target's in the member's training rows."""
    target = member.spec.target
    wave = member.get_buffer("usual")[1:3]  # the first harmonic of the year
    return (
        place.latitude,
        np.nan if place.elevation is None else place.elevation,
        member.get_buffer("mean")[target].item(),
        member.get_buffer("deviation")[target].item(),
        wave.norm().item(),
    )


def _from_mean(numbers: NDArray[np.float64], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each number is from the mean, 0 where it is not known."""
    distance: NDArray[np.float64] = np.where(np.isfinite(numbers), numbers - mean, 0.0)
    return distance
