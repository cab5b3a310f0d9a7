"""Say how cost grows with the number of stations, and whether a worker's memory does."""

from collections.abc import Mapping
from itertools import pairwise
from math import log
from typing import Any

import numpy as np

from forecasting.errors import GatecastError

#: What is measured of each stage at one size, and of each size by the number of its stations.
Figures = Mapping[str, float]
Sizes = Mapping[int, Mapping[str, Figures]]

#: From so many stations on a worker has done everything that it does: memory is compared from here.
WARM = 10


class TooFewSizes(GatecastError):
    """A growth was asked for that the measured sizes cannot show."""

    code = "TOO_FEW_SIZES"


def exponent(costs: Mapping[int, float]) -> float:
    """Fit the power with which cost grows with the number of stations, on logarithms.

    Raises:
        TooFewSizes: fewer than two sizes, or a cost of nothing.

    >>> round(exponent({1: 2.0, 10: 20.0, 100: 200.0}), 6)
    1.0
    """
    if len(costs) < 2 or min(costs.values()) <= 0 or min(costs) < 1:
        raise TooFewSizes(
            "no growth can be fitted", expected="two sizes with costs above 0", found=dict(costs)
        )
    sizes = np.log(list(costs))
    slope = np.polyfit(sizes, np.log(list(costs.values())), 1)[0]
    return float(slope)


def last_exponent(costs: Mapping[int, float]) -> float:
    """Return the growth between the two largest sizes, where what is the same at each is least."""
    exponent(costs)
    (small, cheap), (large, dear) = sorted(costs.items())[-2:]
    return (log(dear) - log(cheap)) / (log(large) - log(small))


def grown(memory: Mapping[int, float]) -> float:
    """Return the peak of a worker at the largest size in units of that at the least warm one."""
    warm = {size: peak for size, peak in sorted(memory.items()) if size >= WARM}
    chosen = warm if len(warm) > 1 else dict(sorted(memory.items()))
    if len(chosen) < 2:
        raise TooFewSizes("no growth can be seen", expected="two sizes", found=sorted(memory))
    peaks = list(chosen.values())
    return peaks[-1] / peaks[0]


def growth(sizes: Sizes) -> dict[str, Any]:
    """Return the growth of each stage, and of all of them together."""
    stages = list(next(iter(sizes.values())))
    cost = {stage: {size: told[stage]["cpu"] for size, told in sizes.items()} for stage in stages}
    peaks = {
        stage: {size: told[stage]["megabytes"] for size, told in sizes.items()} for stage in stages
    }
    whole = {size: sum(told[stage]["cpu"] for stage in stages) for size, told in sizes.items()}
    return {
        "exponent": exponent(whole),
        "last_exponent": last_exponent(whole),
        "memory": max(grown(each) for each in peaks.values()),
        "stages": {
            stage: {
                "exponent": exponent(cost[stage]),
                "last_exponent": last_exponent(cost[stage]),
                "memory": grown(peaks[stage]),
            }
            for stage in stages
        },
    }


def ascending(sizes: tuple[int, ...]) -> bool:
    """Say whether sizes are two or more, each larger than the one before."""
    return len(sizes) > 1 and sizes[0] >= 1 and all(one < other for one, other in pairwise(sizes))
