"""Hold every station's record in memory, in step with the files that retraining writes."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from forecasting.errors import StationUnknown
from forecasting.stores.stations import StationRecord, parse_station, stations_folder
from serving.champions import UNREADABLE

logger = logging.getLogger(__name__)

#: Inode, time and size: a file written by rename never keeps all three.
Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class _Shelved:
    stamp: Stamp
    record: StationRecord


class Records:
    """The stations' records by name, read again only when their files change.

    Args:
        root: the home folder.
    """

    def __init__(self, root: Path) -> None:
        self._folder = stations_folder(root)
        self._shelved: Mapping[str, _Shelved] = {}
        self._refused: dict[str, Stamp] = {}

    def of(self, station: str) -> StationRecord:
        """Return a station's record.

        Raises:
            StationUnknown: no such station has been admitted.
        """
        try:
            return self._shelved[station].record
        except KeyError:
            raise StationUnknown(
                "no such station is known here", expected=", ".join(self.names) or "a retrain first"
            ) from None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all known stations, sorted."""
        return tuple(sorted(self._shelved))

    def refresh(self) -> None:
        """Look once at every station's file; a damaged one leaves the record as it was."""
        if not self._folder.is_dir():
            # Storage that went away is no reason to forget.
            return
        paths = {path.stem: path for path in self._folder.glob("*.json")}
        for name, path in paths.items():
            self._reread(name, path)
        self._shelved = {name: kept for name, kept in self._shelved.items() if name in paths}

    def _reread(self, name: str, path: Path) -> None:
        shelved = self._shelved.get(name)
        stamp: Stamp | None = None
        try:
            status = path.stat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if stamp == self._refused.get(name) or (shelved and shelved.stamp == stamp):
                return
            record = parse_station(json.loads(path.read_bytes()))
        except UNREADABLE as error:
            if stamp is not None:
                self._refused[name] = stamp
            logger.warning("station %s not read, the earlier record stays: %s", name, error)
            return
        self._shelved = {**self._shelved, name: _Shelved(stamp, record)}
