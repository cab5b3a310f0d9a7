"""Admit a batch: read, order, quarantine, convert, judge; the only way to a `ClimateSeries`."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_checks.days import DayKeeper, Grid
from data_checks.declaration import Dataset
from data_checks.quarantine import Quarantine, quarantine
from data_checks.reader import Table, load_table, missing_columns, shown
from data_checks.report import write_report
from data_checks.rows import RowReader, label_of, station_label
from data_checks.sketch import Sketch
from data_checks.verdict import ROW_CODES, Admission, ExpectationResult, Reason
from forecasting.climate.series import ClimateSeries

#: Findings in the order in which people should read them.
EFFECTS = ("refused", "quarantined", "noted")


@dataclass
class Examination:
    """What one look at a batch has brought to light so far."""

    reasons: list[Reason] = field(default_factory=list)
    expectations: tuple[ExpectationResult, ...] = ()
    frame: pd.DataFrame = field(default_factory=pd.DataFrame)
    first: int = 0
    missing_days: int = 0
    sketches: tuple[Sketch, ...] = ()

    def refuse(self, code: str, variable: str | None, *, found: str, expected: str) -> None:
        """Add a finding that refuses the batch."""
        self.reasons.append(
            Reason(code=code, date=None, variable=variable, found=found, expected=expected)
        )

    @property
    def refused(self) -> bool:
        """Whether any finding refuses the batch."""
        return any(reason.effect == "refused" for reason in self.reasons)


def admit(
    dataset: Dataset, files: Sequence[Path], *, reports: Path, now: datetime | None = None
) -> Admission:
    """Check a batch of landed files and write the report on it.

    Args:
        dataset: the declaration to check against.
        files: the landed files, which are read as one batch.
        reports: folder for the report.
        now: the moment of the check, with a zone; the clock's when not given.

    Raises:
        SourceTooLarge, SourceFormat: a file cannot be read as text cells at all.
    """
    tables = [load_table(path) for path in files]
    examination = examine(dataset, tables, now or datetime.now(UTC))
    admission = _judge(dataset, tables, examination, reports)
    write_report(admission, dataset, examination.sketches)
    return admission


def examine(dataset: Dataset, tables: Sequence[Table], now: datetime) -> Examination:
    """Take a batch through every check, or as far as it can go."""
    examination = Examination()
    for table in tables:
        if absent := missing_columns(table.header, dataset):
            found = shown(", ".join(table.header), 200)
            examination.refuse(
                "COLUMN_MISSING", None, found=found, expected=f"{', '.join(absent)} once"
            )
    if not examination.refused:
        _check_rows(dataset, tables, now, examination)
    return examination


def _check_rows(
    dataset: Dataset, tables: Sequence[Table], now: datetime, examination: Examination
) -> None:
    reader = RowReader(dataset, now)
    rows = reader.read(tables)
    examination.reasons += reader.reasons
    if not rows.steps.size:
        found, expected = _nothing(dataset, reader)
        examination.refuse("NO_ROWS", None, found=found, expected=expected)
        return
    keeper = DayKeeper(dataset)
    grid = keeper.arrange(rows)
    left = quarantine(grid, dataset)
    examination.reasons += [*keeper.reasons, *left.reasons]
    examination.first = grid.first
    examination.missing_days = int((~grid.present).sum())
    examination.frame = to_frame(dataset, grid.first, left.kept)
    examination.sketches = _sketches(dataset, examination, left)
    _check_shares(dataset, reader.rows_seen, grid, examination)
    _check_age(dataset, now, examination)
    _check_suite(dataset, examination)


def _nothing(dataset: Dataset, reader: RowReader) -> tuple[str, str]:
    """Return what was found in the place of rows, and what was expected."""
    if dataset.station_column is None or reader.rows_seen:
        return "none", "rows with a readable date"
    others = ", ".join(sorted(reader.labels)) or "no row at all"
    return shown(others, 200), f"rows with {dataset.label} as {dataset.station_column}"


def to_frame(dataset: Dataset, first: int, kept: NDArray[np.float64]) -> pd.DataFrame:
    """Convert to internal units and derive: a `date` column and one per variable, target first.

    Args:
        dataset: units and derivations.
        first: the first step, counted from 1970-01-01.
        kept: (steps, columns) float64 in the file's own units, NaN for a gap.
    """
    values = {
        column.variable: column.measure.inward(kept[:, place])
        for place, column in enumerate(dataset.columns.values())
    }
    for name, derived in dataset.derived.items():
        # The plain mean: a gap in one part is a gap in the whole.
        values[name] = np.mean([values[part] for part in derived.mean_of], axis=0)
    start = np.datetime64(label_of(first, dataset.step_length).replace(tzinfo=None), "us")
    steps = np.arange(len(kept)) * np.timedelta64(dataset.step_length, "us")
    columns = {variable.name: values[variable.name] for variable in dataset.variables}
    return pd.DataFrame({"date": start + steps, **columns})


def _check_shares(dataset: Dataset, rows: int, grid: Grid, examination: Examination) -> None:
    most = dataset.limits.max_quarantined
    taken = [reason for reason in examination.reasons if reason.effect == "quarantined"]
    counts: dict[str | None, int] = {None: sum(reason.code in ROW_CODES for reason in taken)}
    for reason in taken:
        if reason.variable is not None:
            counts[reason.variable] = counts.get(reason.variable, 0) + 1
    for variable, count in counts.items():
        whole = rows if variable is None else int(grid.present.sum())
        if count > most * whole:
            examination.refuse(
                "TOO_MUCH_QUARANTINED",
                variable,
                found=f"{count} of {whole} {'rows' if variable is None else 'cells'}",
                expected=f"at most {most:.1%}",
            )


def _check_age(dataset: Dataset, now: datetime, examination: Examination) -> None:
    known = examination.frame["date"][examination.frame[dataset.target].notna()]
    if dataset.max_age_days is None or known.empty:
        return
    last = known.iloc[-1].to_pydatetime().replace(tzinfo=UTC)
    age = station_label(now, dataset) - last
    # An observation is over when its step is.
    if age - dataset.step_length > timedelta(days=dataset.max_age_days):
        examination.refuse(
            "DATA_TOO_OLD",
            dataset.target,
            found=f"last observation {last.date()}, {age.days} days ago",
            expected=f"at most {dataset.max_age_days:g} days",
        )


def _check_suite(dataset: Dataset, examination: Examination) -> None:
    from data_checks.suite import climate_suite, run_suite  # noqa: PLC0415 - takes seconds to import

    examination.expectations = run_suite(climate_suite(dataset), examination.frame)
    for result in examination.expectations:
        if not result.success:
            examination.refuse(
                "EXPECTATION_FAILED",
                result.variable,
                found=result.observed,
                expected=f"{result.name} {result.expected}".strip(),
            )


def _judge(
    dataset: Dataset, tables: Sequence[Table], examination: Examination, reports: Path
) -> Admission:
    series = None if examination.refused else _series(dataset, examination)
    reasons = sorted(
        examination.reasons,
        key=lambda reason: (EFFECTS.index(reason.effect), reason.date or "", reason.variable or ""),
    )
    files_sha256 = tuple(table.sha256 for table in tables)
    key = hashlib.sha256("".join((dataset.model_dump_json(), *files_sha256)).encode())
    variables = examination.frame.drop(columns="date", errors="ignore")
    return Admission(
        dataset=f"{dataset.name}{dataset.part}",
        series=series,
        accepted=int(variables.notna().any(axis="columns").sum()),
        quarantined=sum(reason.effect == "quarantined" for reason in reasons),
        missing_days=examination.missing_days,
        reasons=tuple(reasons),
        step=dataset.step,
        verdict="refused" if series is None else "accepted",
        report=reports / f"{_file_name(dataset)}-{key.hexdigest()[:16]}.html",
        files_sha256=files_sha256,
        data_sha256=None if series is None else series.sha256,
        expectations=examination.expectations,
    )


def _file_name(dataset: Dataset) -> str:
    return f"{dataset.name}{dataset.part}".replace("#", "-").replace("@", "-")


def _series(dataset: Dataset, examination: Examination) -> ClimateSeries:
    names = [variable.name for variable in dataset.variables]
    values = examination.frame[names].to_numpy(dtype=np.float32)
    return ClimateSeries(
        station=dataset.place,
        variables=dataset.variables,
        target=dataset.target,
        start=label_of(examination.first, dataset.step_length),
        values=values,
        observed=np.isfinite(values),
        step=dataset.step_length,
    )


def _sketches(dataset: Dataset, examination: Examination, left: Quarantine) -> tuple[Sketch, ...]:
    """Return what to draw of each measured and derived variable, in internal units."""
    start, frame = label_of(examination.first, dataset.step_length), examination.frame
    removed = {
        column.variable: column.measure.inward(left.removed[:, place])
        for place, column in enumerate(dataset.columns.values())
    }
    nothing = np.full(len(frame), np.nan)
    return tuple(
        Sketch(
            name=variable.name,
            unit=variable.unit,
            start=start,
            step=dataset.step_length,
            kept=frame[variable.name].to_numpy(),
            removed=removed.get(variable.name, nothing),
        )
        for variable in dataset.variables
    )
