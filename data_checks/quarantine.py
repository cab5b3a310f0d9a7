"""Take impossible cells out of the grid, each with its reason; nothing is scaled or filled in."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_checks.columns import Column
from data_checks.days import Grid, runs
from data_checks.declaration import Dataset
from data_checks.rows import label_text
from data_checks.signals import LONGEST_SPIKE, spikes, stuck
from data_checks.units import UNITS, siblings
from data_checks.verdict import Reason


@dataclass(frozen=True, kw_only=True)
class Quarantine:
    """What is left, and what was taken out: both (steps, columns) in the file's own units."""

    kept: NDArray[np.float64]
    removed: NDArray[np.float64]
    reasons: tuple[Reason, ...]


def quarantine(grid: Grid, dataset: Dataset) -> Quarantine:
    """Check every cell for its bounds, then each column for spikes and stuck sensors.

    Args:
        grid: values in the file's own units.
        dataset: the declared bounds, jumps and stuck days.
    """
    kept = grid.values.copy()
    reasons: list[Reason] = []
    for place, column in enumerate(dataset.columns.values()):
        check = _ColumnCheck(column, dataset, grid.first, kept[:, place])
        check.units()
        check.bounds()
        check.spikes()
        check.stuck()
        reasons += check.reasons
    removed = np.where(np.isnan(kept), grid.values, np.nan)
    return Quarantine(kept=kept, removed=removed, reasons=tuple(reasons))


class _ColumnCheck:
    """Check one column; `values` (steps,) is changed in place: what fails becomes NaN."""

    def __init__(
        self, column: Column, dataset: Dataset, first: int, values: NDArray[np.float64]
    ) -> None:
        self.column = column
        self.dataset = dataset
        self.first = first
        self.values = values
        self.reasons: list[Reason] = []

    def units(self) -> None:
        """Report a run of impossible values that another unit would make possible."""
        known = np.flatnonzero(np.isfinite(self.values))
        outside = self._outside(self.values[known])
        for start, stop in runs(outside):
            cells = known[start:stop]
            unit = self._other_unit(self.values[cells])
            if len(cells) >= LONGEST_SPIKE and unit is not None:
                low, high = self.values[cells].min(), self.values[cells].max()
                long = f"{len(cells)} {self.dataset.step}s"
                found = f"{low:.7g} to {high:.7g} for {long}, possible in {unit}"
                self._add("UNIT_CHANGED", cells[0], found, f"values in {self.column.unit}")
                return

    def bounds(self) -> None:
        """Take out what is physically impossible."""
        lower, upper = self.column.bounds
        expected = f"{lower:.7g} to {upper:.7g} {self.column.unit}"
        self._remove("OUT_OF_BOUNDS", np.flatnonzero(self._outside(self.values)), expected)

    def spikes(self) -> None:
        """Take out short excursions that no weather makes."""
        if (most := self.column.jump) is not None:
            step = self.dataset.step
            expected = f"at most {most:.7g} {self.column.unit} from {step} to {step}"
            self._remove("JUMP", spikes(self.values, most), expected)

    def stuck(self) -> None:
        """Take out runs in which the value stands still."""
        rule = self.column.rule
        if rule.stuck_days is not None:
            excepted = tuple(self.column.measure.outward(value) for value in rule.stuck_except)
            expected = f"a change within {rule.stuck_days} days"
            steps = self.dataset.steps_of(rule.stuck_days)
            self._remove("STUCK_SENSOR", stuck(self.values, steps, excepted), expected)

    def _outside(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        lower, upper = self.column.bounds
        return (values < lower) | (values > upper)

    def _other_unit(self, values: NDArray[np.float64]) -> str | None:
        rule = self.column.rule
        for unit in siblings(self.column.unit):
            inside = UNITS[unit.symbol].inward(values)
            if ((inside >= rule.lower) & (inside <= rule.upper)).all():
                return unit.symbol
        return None

    def _remove(self, code: str, positions: NDArray[np.int64], expected: str) -> None:
        for position in positions:
            found = f"{self.values[position]:.7g} {self.column.unit}"
            self._add(code, position, found, expected)
        self.values[positions] = np.nan

    def _add(self, code: str, position: np.int64 | int, found: str, expected: str) -> None:
        self.reasons.append(
            Reason(
                code=code,
                date=label_text(self.first + int(position), self.dataset.step_length),
                variable=self.column.variable,
                found=found,
                expected=expected,
            )
        )
