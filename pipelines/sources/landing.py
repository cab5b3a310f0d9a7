"""Land raw files: checked for their form, then kept unchanged under their own SHA-256."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data_checks.declaration import Dataset
from data_checks.origins import (
    CsvSource,
    Fixed,
    KaggleSource,
    OpenMeteoSource,
    PackageSource,
    UrlSource,
)
from data_checks.reader import Table, check_header, read_table
from data_checks.rows import read_label
from forecasting.errors import SettingsInvalid, SourceFormat
from forecasting.faults import reach
from forecasting.settings import Settings
from forecasting.stores.files import sha256, write_bytes, write_json
from forecasting.stores.locks import held_lock
from pipelines.sources.fetch import ConnectionPolicy, fetch
from pipelines.sources.kaggle import read_kaggle
from pipelines.sources.local import read_files, read_package
from pipelines.sources.open_meteo import ARCHIVE, read_archive
from pipelines.sources.unpack import unpack

READ_ONLY = 0o444


@dataclass(frozen=True, kw_only=True)
class RawFile:
    """A landed file: its bytes never change, and what is known of them stands beside.

    `start` and `end` are the first and last readable dates; `fetched_at` is when these bytes
    came for the first time.
    """

    path: Path
    sha256: str
    source: str
    licence: str
    fetched_at: datetime
    attribution: str
    dataset: str
    rows: int
    start: str
    end: str


@dataclass(frozen=True, kw_only=True)
class Download:
    """Bytes that have come, and from where."""

    content: bytes
    source: str


def land(
    dataset: Dataset,
    settings: Settings,
    csv: Sequence[Path] = (),
    *,
    policy: ConnectionPolicy | None = None,
    wait: float = 0.0,
) -> tuple[RawFile, ...]:
    """Bring a dataset's files into the landing zone; nothing is landed unless all are whole.

    Args:
        dataset: the declaration.
        settings: the home folder, and how far to go for a download.
        csv: local files to take instead of the declared source.
        policy: whom to ask and how; the settings' own when not given.
        wait: longest wait for another process that lands the same dataset, in seconds.

    Raises:
        AlreadyRunning: another process landed the same dataset for longer than the wait.
        SourceUnavailable: the source did not give the whole file in time.
        SourceForbidden: the source's address may not be asked.
        SourceFormat: a file is not the declared data, or not the one that its sum names.
        SourceTooLarge: a file is too large, or unpacks to too much.
    """
    with ingesting(settings, _shared_by(dataset), wait):
        downloads = gather(dataset, tuple(csv), policy or ConnectionPolicy.of(settings))
        tables = [_checked(dataset, download, settings) for download in downloads]
        if not csv and isinstance(dataset.source, Fixed):
            _check_sums(dataset.source, downloads)
        reach("land.checked")
        return tuple(
            _keep(settings.root, dataset, download, table)
            for download, table in zip(downloads, tables, strict=True)
        )


def gather(
    dataset: Dataset, csv: tuple[Path, ...], policy: ConnectionPolicy
) -> tuple[Download, ...]:
    """Read every file of the source, or the local files that stand in for it, and unpack them."""
    source = dataset.source
    most = policy.most_bytes
    match source:
        case _ if csv:
            names = tuple(str(path) for path in csv)
            contents = read_files(csv, most_bytes=most)
        case PackageSource():
            names = (f"package {source.package}: {source.file}",)
            contents = (read_package(source, most_bytes=most),)
        case CsvSource():
            names = source.names()
            contents = read_files(source.paths, most_bytes=most)
        case UrlSource():
            names = source.names()
            contents = (fetch(source.url, policy).body,)
        case KaggleSource():
            names = tuple(f"kaggle {source.dataset}: {file}" for file in source.files)
            contents = read_kaggle(source, policy)
        case OpenMeteoSource():
            names = (ARCHIVE,)
            contents = (read_archive(dataset, source, policy),)
    return tuple(
        Download(content=unpack(content, name, most_bytes=most), source=name)
        for name, content in zip(names, contents, strict=True)
    )


def require_told_apart(parts: Sequence[Dataset], csv: Sequence[object]) -> None:
    """Refuse local files of which nothing says whose rows they hold.

    Raises:
        SettingsInvalid: several stations, and no column that names them.
    """
    stations = {part.place.name for part in parts}
    if csv and parts[0].station_column is None and len(stations) > 1:
        raise SettingsInvalid(
            "--csv does not say which station the files are of",
            expected="a station_column in the dataset, or one station named behind it (#NAME)",
            found=", ".join(sorted(stations)),
        )


def shared_source(dataset: Dataset) -> str:
    """Return what parts that are landed together have in common: the source, and who asks it."""
    by_position = dataset.source.kind == "open-meteo"
    return dataset.source.model_dump_json() + (dataset.place.name if by_position else "")


def _shared_by(dataset: Dataset) -> str:
    """Name what one process at a time lands: a dataset, or a station of it with a file of its own.

    Stations of one file, and several targets of one station, are landed together.
    """
    alone = "#" in dataset.part and dataset.station_column is None
    return f"{dataset.name}-{dataset.place.name}" if alone else dataset.name


@contextmanager
def ingesting(settings: Settings, name: str, wait: float = 0.0) -> Iterator[None]:
    """Hold the one place in which a dataset is landed.

    Raises:
        AlreadyRunning: another process held it for longer than the wait, in seconds.
    """
    lock, busy = f"ingest-{name}", f"{name} is being landed"
    with held_lock(settings.root, lock, address=settings.lock_address, wait=wait, busy=busy):
        yield


def landed(root: Path) -> list[RawFile]:
    """Return every landed file, the oldest first."""
    files = [_read_card(path) for path in (root / "raw").glob("*.json")]
    return sorted(files, key=lambda file: file.fetched_at)


def _checked(dataset: Dataset, download: Download, settings: Settings) -> Table:
    table = read_table(download.content, download.source, most_bytes=settings.fetch_bytes)
    check_header(table, dataset)
    return table


def _check_sums(source: Fixed, downloads: Sequence[Download]) -> None:
    for download, expected in zip(downloads, source.sha256, strict=False):
        found = hashlib.sha256(download.content).hexdigest()
        if found != expected:
            raise SourceFormat(
                f"{download.source} is not the file that the dataset fixes",
                expected=expected,
                found=found,
            )


def _keep(root: Path, dataset: Dataset, download: Download, table: Table) -> RawFile:
    """Write the bytes and the card beside them, unless both are there already."""
    path = root / "raw" / f"{table.sha256}.csv"
    if not path.is_file() or sha256(path) != table.sha256:
        write_bytes(path, download.content)
        path.chmod(READ_ONLY)
        reach("land.kept")
    card = path.with_suffix(".json")
    if not card.is_file():
        write_json(card, _card(dataset, download, table))
    # The bytes may have come before, for another dataset: only their time is taken from then.
    return replace(
        _raw_file(_card(dataset, download, table), path), fetched_at=_read_card(card).fetched_at
    )


def _card(dataset: Dataset, download: Download, table: Table) -> dict[str, Any]:
    start, end = _period(table, dataset)
    return {
        "sha256": table.sha256,
        "source": download.source,
        "licence": dataset.licence,
        "attribution": dataset.attribution,
        "fetched_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "dataset": dataset.name,
        "rows": len(table.rows),
        "start": start,
        "end": end,
    }


def _read_card(card: Path) -> RawFile:
    return _raw_file(json.loads(card.read_bytes()), card.with_suffix(".csv"))


def _raw_file(card: dict[str, Any], path: Path) -> RawFile:
    moment = datetime.fromisoformat(card["fetched_at"])
    return RawFile(path=path, **{**card, "fetched_at": moment})


def _period(table: Table, dataset: Dataset) -> tuple[str, str]:
    place = table.header.index(dataset.date)
    labels = [
        label
        for _, cells in table.rows
        if len(cells) == len(table.header)
        and (label := read_label(cells[place], dataset.date_format)) is not None
    ]
    if not labels:
        return "", ""
    return min(labels).date().isoformat(), max(labels).date().isoformat()
