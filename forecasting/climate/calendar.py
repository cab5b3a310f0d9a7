"""Turn time labels into the phase of the year and of the day, the same in numpy and in a graph."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: Seconds of the mean Gregorian year (365.2425 days) and of the day.
YEAR = 31_556_952
DAY = 86_400

#: Numbers that the widest processor computes at once.
VECTOR = 16

#: Harmonics of the year that the calendar features carry.
HARMONICS = 2


def periods(step_seconds: int) -> tuple[int, ...]:
    """Return the cycles that a step can resolve: the year, and the day below daily steps."""
    return (YEAR,) if step_seconds >= DAY else (YEAR, DAY)


def width(step_seconds: int) -> int:
    """Count the features that `around` and `design` give one label."""
    return 2 * HARMONICS * len(periods(step_seconds))


def around(origin: Tensor, offsets: Tensor, step_seconds: int) -> Tensor:
    """Sine and cosine of each cycle's first harmonics, at the labels around each origin.

    The remainder is taken in whole seconds, so nothing is lost to the precision of float32. What
    an origin is given is the same whichever stand beside it: sines are computed a vector of
    labels at a time, and what is left at the end by other instructions, which differ in the last
    bit. So each origin's labels are made up to whole vectors, and the surplus is cut off.

    Args:
        origin: (batch,) int64 labels, seconds since 1970-01-01T00:00 on the station's calendar.
        offsets: (labels,) int64 seconds from the origin.
        step_seconds: the step of the series.

    Returns:
        (batch, labels, features) float32.
    """
    count = offsets.numel()
    surplus = offsets[:1].repeat(-count % VECTOR)
    labels = origin[:, None, None, None] + torch.cat([offsets, surplus])
    # All harmonics at once, and sines beside cosines: to stack them is an operation for each.
    harmonics = torch.arange(1.0, 1 + HARMONICS, device=origin.device)[:, None, None]
    waves = []
    for period in periods(step_seconds):
        angle = torch.remainder(labels, period).to(torch.float32) * (2 * math.pi / period)
        turned = angle * harmonics  # (batch, harmonics, 1, labels)
        waves.append(torch.cat([torch.sin(turned), torch.cos(turned)], dim=2))
    joined = waves[0] if len(waves) == 1 else torch.cat(waves, dim=1)
    whole = joined.reshape(-1, width(step_seconds), count + len(surplus))
    return whole[:, :, :count].transpose(1, 2)


def design(seconds: NDArray[np.int64], step_seconds: int) -> NDArray[np.float64]:
    """Return the same features in numpy: (...) labels to (..., features) float64."""
    waves = []
    for period in periods(step_seconds):
        angle = np.remainder(seconds, period) * (2 * math.pi / period)
        for harmonic in range(1, HARMONICS + 1):
            waves += [np.sin(harmonic * angle), np.cos(harmonic * angle)]
    return np.stack(waves, axis=-1)
