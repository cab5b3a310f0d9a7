"""Find what a sensor cannot do: jump there and back, jump to another level, or stand still."""

import numpy as np
from numpy.typing import NDArray

from data_checks.days import runs

#: An excursion of at most so many observations that comes back is a fault of the sensor;
#: a longer one is another level, and another level means another unit or another station.
LONGEST_SPIKE = 3

#: A gap of several steps allows a larger change, but weather does not drift without end.
LONGEST_ALLOWANCE = 3


def jumps(values: NDArray[np.float64], most: float) -> NDArray[np.int64]:
    """Return the positions whose distance from the last known value is too large.

    Args:
        values: (steps,), NaN for a gap.
        most: the largest change in one step; a gap of n steps allows up to 3 times as much.
    """
    known = np.flatnonzero(np.isfinite(values))
    allowed = most * np.minimum(np.diff(known), LONGEST_ALLOWANCE)
    return known[1:][np.abs(np.diff(values[known])) > allowed]


def spikes(values: NDArray[np.float64], most: float) -> NDArray[np.int64]:
    """Return the positions of short excursions; a change of level that stays is left standing.

    Args:
        values: (steps,), NaN for a gap.
        most: the largest change in one step.
    """
    known = np.flatnonzero(np.isfinite(values))
    if jumps(values, most).size == 0:
        return known[:0]
    head = _first_agreement(values[known], most)
    reference = known[head]
    beginning = known[:head]
    allowed = most * np.minimum(reference - beginning, LONGEST_ALLOWANCE)
    apart = np.abs(values[beginning] - values[reference])
    found: list[int] = beginning[apart > allowed].tolist()
    away: list[int] = []
    for before, position in zip(known[head:-1], known[head + 1 :], strict=True):
        nearest = most * min(position - before, LONGEST_ALLOWANCE)
        if abs(values[position] - values[reference]) <= nearest:
            found += away
            away, reference = [], position
        elif len(away) == LONGEST_SPIKE:
            away, reference = [], position
        else:
            away.append(position)
    return np.array(found + away, dtype=np.int64)


def stuck(
    values: NDArray[np.float64], steps: int, excepted: tuple[float, ...]
) -> NDArray[np.int64]:
    """Return the positions of runs in which a value does not change for too long.

    Args:
        values: (steps,), NaN for a gap, which ends a run.
        steps: the shortest run that counts.
        excepted: values that may stay, such as no wind or no rain.
    """
    same = np.concatenate((np.diff(values) == 0, [False]))
    found = [
        np.arange(start, stop + 1)
        for start, stop in runs(same)
        if stop - start + 1 >= steps and not np.isclose(values[start], excepted).any()
    ]
    return np.concatenate(found) if found else np.array([], dtype=np.int64)


def _first_agreement(known: NDArray[np.float64], most: float) -> int:
    """Return where two neighbours agree for the first time, or 0 if that is not near the start."""
    agree = np.flatnonzero(np.abs(np.diff(known)) <= most)
    return int(agree[0]) if agree.size and agree[0] <= LONGEST_SPIKE else 0
