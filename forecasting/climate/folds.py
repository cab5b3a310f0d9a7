"""Hold a stretch of the train block out of one member's training, so that it can be asked there."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecasting.climate.series import ClimateSeries
from forecasting.climate.windows import Windows, WindowSpec


@dataclass(frozen=True, kw_only=True)
class Fold:
    """A stretch of rows of which a member sees nothing: not as target, history or statistic.

    Half of its origins say when the member's training stops; the other half, `unseen`, say
    nothing to anybody before the intervals are calibrated on them. Which half comes first in
    time alternates with the turn.

    Source: blocked cross-validation as in Bergmeir and Benitez (2012), On the use of
    cross-validation for time series predictor evaluation.
    """

    held: range
    turn: int
    window: WindowSpec

    @property
    def origins(self) -> range:
        """The origins whose targets all lie in the held rows."""
        return self.window.origins(self.held.start, self.held.stop)

    @property
    def halves(self) -> tuple[range, range]:
        """Return the origins of the early stop, and the unseen; no target is in both."""
        origins, horizon = self.origins, self.window.horizon
        middle = origins.start + (len(origins) - horizon) // 2
        first = range(origins.start, max(middle, origins.start + 1))
        second = range(min(first.stop + horizon - 1, origins.stop - 1), origins.stop)
        return (first, second) if self.turn % 2 else (second, first)

    def blank(self, series: ClimateSeries) -> ClimateSeries:
        """Return the series with the held rows unknown."""
        values, observed = series.values.copy(), series.observed.copy()
        values[self.held.start : self.held.stop] = np.nan
        observed[self.held.start : self.held.stop] = False
        return replace(series, values=values, observed=observed)

    def outside(self, windows: Windows) -> NDArray[np.bool_]:
        """Mark the windows of which neither history nor target meets the held rows."""
        origins = np.asarray(windows.origins)
        before = origins + self.window.horizon < self.held.start
        after: NDArray[np.bool_] = origins - self.window.history + 1 >= self.held.stop
        return before | after
