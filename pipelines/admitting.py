"""The first steps of a retraining: land, admit, remember the station, cut into blocks."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from data_checks.admissions import load_admitted, save_admission
from data_checks.declaration import Dataset
from data_checks.gate import admit
from data_checks.rows import written_label
from data_checks.verdict import Admission
from forecasting.climate.series import ClimateSeries
from forecasting.climate.usual import tabulate_climatology
from forecasting.climate.windows import Blocks, WindowSpec
from forecasting.errors import DataRefused, SeriesTooShort, StationUnknown
from forecasting.faults import reach
from forecasting.settings import Settings
from forecasting.stores.stations import (
    RecentDays,
    StationCard,
    StationRecord,
    VariableCard,
    read_station,
    write_station,
)
from pipelines.catalogue import find_dataset
from pipelines.sources.landing import land
from pipelines.workspace import Plan, open_workspace

#: Steps that a station's record keeps, a year and some of days; more where a forecast reads more.
RECENT_STEPS = 400


def land_files(settings: Settings, name: str, csv: Sequence[str]) -> list[str]:
    """Land a dataset's raw files; returns their paths.

    Another process that lands them is waited for as long as a download may take.
    """
    local, wait = [Path(path) for path in csv], settings.fetch_deadline_seconds
    files = land(find_dataset(name), settings, local, wait=wait)
    return [str(file.path) for file in files]


def admit_files(settings: Settings, name: str, files: Sequence[str]) -> Admission:
    """Check the landed files and write the report, whatever the verdict is."""
    return admit(
        find_dataset(name), [Path(file) for file in files], reports=settings.root / "reports"
    )


def accept(settings: Settings, name: str, admission: Admission) -> str:
    """Keep an accepted series and its station's record; returns the data's SHA-256.

    Raises:
        SeriesTooShort: not even one window fits.
        DataRefused: the checks refused the batch.
    """
    dataset = find_dataset(name)
    series = require_accepted(dataset, name, admission)
    save_admission(settings.root, admission)
    reach("admit.bound")
    record = station_record(dataset, series, admission)
    write_station(settings.root, with_earlier(settings, record, dataset))
    reach("admit.remembered")
    return series.sha256


def require_accepted(dataset: Dataset, name: str, admission: Admission) -> ClimateSeries:
    """Return the accepted series; raises as `accept` does."""
    needed = dataset.history + dataset.horizon
    steps = admission.accepted + admission.missing_days
    if admission.accepted and steps < needed:
        raise SeriesTooShort(
            "too few steps for the history and the horizon",
            expected=f"at least {needed} steps",
            found=steps,
        )
    if admission.series is None:
        refusals = [reason for reason in admission.reasons if reason.effect == "refused"]
        first = refusals[0]
        raise DataRefused(
            f"the data checks refused {name}: {first.code}"
            + (f" of {first.variable}" if first.variable else "")
            + (f" and {len(refusals) - 1} more" if len(refusals) > 1 else "")
            + f" (report: {admission.report})",
            expected=first.expected,
            found=first.found,
        )
    return admission.series


def station_record(dataset: Dataset, series: ClimateSeries, admission: Admission) -> StationRecord:
    """Return what the API needs of a station: its card, its last admitted days, what is usual.

    It is the same for each target of the station, but for the admitted series that it names.
    """
    targets = dataset.every_target
    declared = {variable.name: VariableCard(**asdict(variable)) for variable in series.variables}
    ordered = (*targets, *(name for name in declared if name not in targets))
    first = max(0, len(series) - max(RECENT_STEPS, dataset.history))
    recent = series.rows(first, len(series))
    time = tuple(_label(recent, position) for position in range(len(recent)))
    columns = np.where(recent.observed, recent.values.astype(np.float64), np.nan).T
    refused = refused_labels(admission)
    return StationRecord(
        card=StationCard(
            name=series.station.name,
            latitude=series.station.latitude,
            longitude=series.station.longitude,
            timezone=series.station.timezone,
            target=targets[0],
            variables=tuple(declared[name] for name in ordered),
            step_seconds=int(series.step.total_seconds()),
            history=dataset.history,
            horizon=dataset.horizon,
            licence=dataset.licence,
            attribution=dataset.attribution,
            max_age_days=dataset.max_age_days,
            targets=targets,
            elevation=series.station.elevation,
        ),
        recent=RecentDays(
            data_sha256=series.sha256,
            time=time,
            values={
                name: tuple(float(x) if np.isfinite(x) else None for x in column)
                for name, column in zip(series.names, columns, strict=True)
            },
            quarantined={
                name: tuple(label for label in time if (name, label) in refused)
                for name in series.names
            },
            series={series.target: series.sha256},
        ),
        climatologies={series.target: tabulate_climatology(series, time[-1])},
    )


def with_earlier(settings: Settings, record: StationRecord, dataset: Dataset) -> StationRecord:
    """Keep, in a record that one target's admission has made, what the others' have said.

    The days are the newest; a target that was not admitted again keeps its earlier series.
    """
    try:
        earlier = read_station(settings.root, record.card.name)
    except StationUnknown:
        return record
    series = {**earlier.recent.series, **record.recent.series}
    series = {name: series[name] for name in dataset.every_target if name in series}
    first = series.get(record.card.target, record.recent.data_sha256)
    usual = {**earlier.climatologies, **record.climatologies}
    return replace(
        record,
        recent=replace(record.recent, data_sha256=first, series=series),
        climatologies={name: usual[name] for name in dataset.every_target if name in usual},
    )


def refused_labels(admission: Admission) -> set[tuple[str | None, str | None]]:
    """Return the (variable, label) of every cell that was quarantined."""
    return {
        (reason.variable, reason.date)
        for reason in admission.reasons
        if reason.effect == "quarantined"
    }


def _label(series: ClimateSeries, position: int) -> str:
    return written_label(series.label(position), series.step)


def divide(settings: Settings, name: str, data_sha256: str, preset: str, seed: int) -> Path:
    """Cut the admitted series into blocks and write the plan; returns the plan's folder.

    Raises:
        SeriesTooShort: the blocks do not fit.
    """
    dataset = find_dataset(name)
    series = load_admitted(settings.root, data_sha256)
    window = WindowSpec(history=dataset.history, horizon=dataset.horizon)
    plan = Plan(
        station=series.station.name,
        data_sha256=data_sha256,
        preset=preset,
        seed=seed,
        window=window,
        blocks=Blocks.of(len(series), window),
        refit=dataset.refit,
        further_target=dataset.further_target,
    )
    return open_workspace(settings.root, plan)
