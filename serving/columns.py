"""Lay a target's quantiles out as columns: which levels, in which order, under which names."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from serving.forms import Form

#: Digits kept of a value: finer than batches differ (facts.md), coarser than float32.
DECIMALS: Final = 4


@dataclass(frozen=True)
class Layout:
    """Which of a model's levels an answer holds, in its order; and the unit that is asked for."""

    names: tuple[str, ...]
    places: NDArray[np.intp]
    unit: str


@lru_cache(maxsize=1024)
def layout_of(target: str, unit: str, levels: tuple[float, ...], form: Form) -> Layout:
    """Return the layout of a target's answers, which is the same for each of them.

    The median comes first, then the others in their own order.

    Args:
        target: what is forecast.
        unit: the internal unit of its values.
        levels: of the model, ascending, 0.5 among them.
        form: what is asked for.

    Raises:
        RequestRefused: an interval that is not there.
    """
    places = sorted(form.places(levels), key=lambda place: levels[place] != 0.5)
    names = tuple(level_name(target, levels[place]) for place in places)
    return Layout(names, np.array(places, np.intp), form.units.symbol(unit))


def level_name(target: str, level: float) -> str:
    """Return the name of a level's series: the median's is the target's own.

    >>> [level_name("rain", level) for level in (0.025, 0.5, 0.9)]
    ['rain_p2_5', 'rain', 'rain_p90']
    """
    if level == 0.5:
        return target
    return f"{target}_p{format(level * 100, 'g').replace('.', '_')}"


def rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values as an answer gives them."""
    few: NDArray[np.float64] = values.round(DECIMALS) + 0.0  # -0.0 reads like a fault.
    return few
