"""Choose among candidates by what each said of the same origins, which its members never saw."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class HeldLosses:
    """Pinball losses at a candidate's held-out origins, in the target's unit.

    origins: (origins,) rows. total: (origins,) the loss added up over leads with a known target,
    averaged over levels. known: (origins,) how many such leads there are.
    """

    origins: NDArray[np.int64]
    total: NDArray[np.float64]
    known: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        origins: NDArray[np.int64],
        errors: NDArray[np.float64],
        known: NDArray[np.bool_],
        levels: tuple[float, ...],
    ) -> "HeldLosses":
        """Return the losses of errors (origins, leads, levels) where known (origins, leads).

        An error of what is known that is not finite makes its origin's loss infinite.
        """
        stated = np.asarray(levels)
        losses = np.maximum(stated * errors, (stated - 1) * errors).mean(axis=-1)
        losses = np.where(np.isfinite(losses), losses, np.inf)
        total = np.where(known, losses, 0.0).sum(axis=1)
        return cls(origins=origins, total=total, known=known.sum(axis=1))

    def over(self, origins: NDArray[np.int64]) -> float:
        """Return the mean loss over some of the origins; infinite where nothing is known."""
        chosen = np.isin(self.origins, origins)
        known = int(self.known[chosen].sum())
        loss = float(self.total[chosen].sum()) / known if known else float("inf")
        return loss if np.isfinite(loss) else float("inf")


def shared_losses(candidates: Mapping[str, HeldLosses]) -> dict[str, float]:
    """Return each candidate's mean loss over the origins that all of them held out.

    One that was trained on several stations holds out the time that they have in common, which
    may be less than a station's own candidates do: another season is another difficulty. Where
    no origin is common to all, each has the loss over its own.
    """
    sets = [losses.origins for losses in candidates.values()]
    common = reduce(np.intersect1d, sets)
    return {
        name: losses.over(common if common.size else losses.origins)
        for name, losses in candidates.items()
    }
