"""Bring rows into order: one row a day by a stated rule, then a grid on which a gap is NaN."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_checks.declaration import Dataset
from data_checks.rows import Rows, label_text
from data_checks.verdict import Reason


@dataclass(frozen=True, kw_only=True)
class Grid:
    """One row for every step from the first to the last.

    `first` counts steps since 1970-01-01; `values` (steps, columns) are in the file's own
    units, NaN for a gap; `present` (steps,) is true where a file has a row of that step.
    """

    first: int
    values: NDArray[np.float64]
    present: NDArray[np.bool_]


class DayKeeper:
    """Keep one row a day for one dataset; the rule stands in `Dataset`."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.reasons: list[Reason] = []

    def arrange(self, rows: Rows) -> Grid:
        """Order the rows, keep one a day, and lay them on the grid; rows must not be empty."""
        self._note_disorder(rows)
        kept = self._one_a_day(rows)
        first, last = int(rows.steps.min()), int(rows.steps.max())
        values = np.full((last - first + 1, rows.values.shape[1]), np.nan)
        present = np.zeros(len(values), dtype=np.bool_)
        present[rows.steps - first] = True
        values[rows.steps[kept] - first] = rows.values[kept]
        self._note_gaps(first, present)
        return Grid(first=first, values=values, present=present)

    def _one_a_day(self, rows: Rows) -> list[int]:
        reach = {int(file): int(rows.steps[rows.files == file].max()) for file in set(rows.files)}
        days: defaultdict[int, list[int]] = defaultdict(list)
        for position, step in enumerate(rows.steps.tolist()):
            days[step].append(position)
        repeated: list[int] = []
        kept: list[int] = []
        for step, positions in days.items():
            if len(positions) > 1:
                # The file that reaches furthest comes last; equal reach leaves the given order.
                positions.sort(key=lambda at: (reach[int(rows.files[at])], at))
                repeated += [step] * self._settle(rows, step, positions)
            if positions:
                kept.append(positions[-1])
        if repeated:
            found = f"{len(repeated)} rows that say the same again"
            self._note(
                "ROW_REPEATED", min(repeated), found, f"one row for each {self.dataset.step}"
            )
        return kept

    def _settle(self, rows: Rows, step: int, positions: list[int]) -> int:
        """Report the rows of one day, clear them on a conflict; returns how many only repeat."""
        per_file: defaultdict[int, list[int]] = defaultdict(list)
        for position in positions:
            per_file[int(rows.files[position])].append(position)
        for same_file in per_file.values():
            if any(_differ(rows, same_file[0], other) for other in same_file[1:]):
                found = " and ".join(dict.fromkeys(self._shown(rows, at) for at in same_file))
                self._note(
                    "DUPLICATE_CONFLICT",
                    step,
                    found,
                    f"one row for each {self.dataset.step} in a file",
                )
                positions.clear()
                return 0
        winner = positions[-1]
        displaced = [at for at in positions[:-1] if _differ(rows, at, winner)]
        for position in displaced:
            expected = f"as in the file that reaches further: {self._shown(rows, winner)}"
            self._note("DUPLICATE_DATE", step, self._shown(rows, position), expected)
        return len(positions) - 1 - len(displaced)

    def _note_disorder(self, rows: Rows) -> None:
        back = (np.diff(rows.steps) < 0) & (np.diff(rows.files) == 0)
        if back.any():
            step = int(rows.steps[1:][back][0])
            found = f"{int(back.sum())} rows before an earlier row"
            self._note("ORDER_RESTORED", step, found, "ascending dates")

    def _note_gaps(self, first: int, present: NDArray[np.bool_]) -> None:
        for start, stop in runs(~present):
            last = label_text(first + stop - 1, self.dataset.step_length)
            found = f"{stop - start} without a row, to {last}"
            self._note("DAYS_MISSING", first + start, found, f"a row every {self.dataset.step}")

    def _note(self, code: str, step: int, found: str, expected: str) -> None:
        date = label_text(step, self.dataset.step_length)
        self.reasons.append(
            Reason(code=code, date=date, variable=None, found=found, expected=expected)
        )

    def _shown(self, rows: Rows, position: int) -> str:
        pairs = zip(self.dataset.columns.items(), rows.values[position], strict=True)
        return ", ".join(f"{name} {value:.7g} {column.unit}" for (name, column), value in pairs)


def runs(mask: NDArray[np.bool_]) -> Iterable[tuple[int, int]]:
    """Return the runs of true positions as (first, one past the last).

    Args:
        mask: (steps,).
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _differ(rows: Rows, one: int, other: int) -> bool:
    return not np.array_equal(rows.values[one], rows.values[other], equal_nan=True)
