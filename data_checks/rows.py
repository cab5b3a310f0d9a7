"""Read text rows as dates and numbers; what cannot be read goes to quarantine with its reason."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from data_checks.declaration import Dataset
from data_checks.reader import Table, shown
from data_checks.verdict import Reason

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ISO_LABEL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?")
#: Only one way to split a row of digits: with two, a cell of 65,000 digits and a letter hung.
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)

#: Before 1700 no station measured; such a date is a slip and would make the grid huge.
FIRST_YEAR = 1700


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows with a readable date, in the order of the files.

    `steps` (rows,) counts steps since 1970-01-01 on the station's calendar, `files` (rows,) is
    the position of the row's file, and `values` (rows, columns) are in the file's own units,
    NaN where nothing could be read.
    """

    steps: NDArray[np.int64]
    files: NDArray[np.int64]
    values: NDArray[np.float64]


class RowReader:
    """Read the rows of a batch's files for one dataset, as of one moment.

    In files of several stations only the rows with the dataset's own label are looked at:
    `rows_seen` counts those, `labels` holds the others' labels.
    """

    def __init__(self, dataset: Dataset, now: datetime) -> None:
        self.dataset = dataset
        self.reasons: list[Reason] = []
        self.rows_seen = 0
        self.labels: set[str] = set()
        self._newest = station_label(now, dataset)
        self._missing = frozenset(dataset.missing)

    def read(self, tables: Sequence[Table]) -> Rows:
        """Read all rows of all files, which have the declared columns."""
        steps: list[int] = []
        files: list[int] = []
        values: list[list[float]] = []
        for position, table in enumerate(tables):
            for step, cells in self._table(table):
                steps.append(step)
                files.append(position)
                values.append(cells)
        width = len(self.dataset.columns)
        return Rows(
            steps=np.array(steps, dtype=np.int64),
            files=np.array(files, dtype=np.int64),
            values=np.array(values, dtype=np.float64).reshape(len(steps), width),
        )

    def _table(self, table: Table) -> list[tuple[int, list[float]]]:
        date_place = table.header.index(self.dataset.date)
        places = [table.header.index(heading) for heading in self.dataset.columns]
        rows: list[tuple[int, list[float]]] = []
        for line, cells in self._own(table):
            where = f"{table.name[:12]} row {line}"
            if len(cells) != len(table.header):
                expected = f"{len(table.header)} cells"
                self._row_reason("ROW_MALFORMED", f"{where}: {len(cells)} cells", expected)
            elif (step := self._step(cells[date_place], where)) is not None:
                rows.append(
                    (
                        step,
                        [self._number(cells[place], step, at) for at, place in enumerate(places)],
                    )
                )
        return rows

    def _own(self, table: Table) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Yield the rows of the dataset's own station, by their label where the file has one."""
        column = self.dataset.station_column
        place = None if column is None else table.header.index(column)
        for line, cells in table.rows:
            if place is not None and (place >= len(cells) or cells[place] != self.dataset.label):
                self.labels.update(cells[place : place + 1])
                continue
            self.rows_seen += 1
            yield line, cells

    def _step(self, text: str, where: str) -> int | None:
        label = read_label(text, self.dataset.date_format)
        if label is None or label.year < FIRST_YEAR:
            wanted = self.dataset.date_format or "YYYY-MM-DD"
            self._row_reason("DATE_INVALID", f"{where}: {shown(text)!r}", f"a date like {wanted}")
            return None
        step, rest = divmod(label - EPOCH, self.dataset.step_length)
        if rest:
            expected = f"labels exactly one {self.dataset.step} apart"
            self._row_reason("DATE_OFF_STEP", f"{where}: {shown(text)}", expected)
            return None
        if label > self._newest:
            newest = written_label(self._newest, self.dataset.step_length)
            expected = f"no {self.dataset.step} after {newest}"
            self._row_reason("DATE_IN_FUTURE", f"{where}: {shown(text)}", expected)
            return None
        return step

    def _number(self, text: str, step: int, column: int) -> float:
        if text in self._missing:
            return math.nan
        if NUMBER.fullmatch(text) and math.isfinite(number := float(text)):
            return number
        infinite = NUMBER.fullmatch(text) or INFINITE.fullmatch(text)
        self.reasons.append(
            Reason(
                code="NOT_FINITE" if infinite else "NOT_A_NUMBER",
                date=label_text(step, self.dataset.step_length),
                variable=tuple(self.dataset.columns.values())[column].variable,
                found=shown(text),
                expected="a finite number" if infinite else "a number",
            )
        )
        return math.nan

    def _row_reason(self, code: str, found: str, expected: str) -> None:
        self.reasons.append(
            Reason(code=code, date=None, variable=None, found=found, expected=expected)
        )


def station_label(moment: datetime, dataset: Dataset) -> datetime:
    """Return what the station's calendar and clock show at a moment, labelled as UTC."""
    return moment.astimezone(ZoneInfo(dataset.station.timezone)).replace(tzinfo=UTC)


def read_label(text: str, date_format: str | None) -> datetime | None:
    """Read a date on the station's own calendar; None when it is not one.

    The zone of the answer is UTC only so that no daylight saving applies.
    """
    if date_format is None and ISO_LABEL.fullmatch(text) is None:
        return None
    try:
        if date_format is None:
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        return datetime.strptime(text, date_format).replace(tzinfo=UTC)
    except ValueError:
        return None


def label_of(step: int, length: timedelta) -> datetime:
    """Return the label of a step counted from 1970-01-01."""
    return EPOCH + int(step) * length


def label_text(step: int, length: timedelta) -> str:
    """Return the label of a step as people write it: a date, with the hour for shorter steps."""
    return written_label(label_of(step, length), length)


def written_label(label: datetime, length: timedelta) -> str:
    """Return a label as people write it where one step is so long."""
    return label.date().isoformat() if length >= timedelta(days=1) else label.isoformat()[:16]
