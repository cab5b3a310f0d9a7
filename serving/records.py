"""Hold every station's record in memory, in step with the files that retraining writes."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from forecasting.errors import StationUnknown
from forecasting.stores.stations import StationRecord, parse_station, stations_folder
from serving.live_models import UNREADABLE, is_there

logger = logging.getLogger(__name__)

#: Inode, time and size: a file written by rename never keeps all three.
Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class _Shelved:
    path: Path
    stamp: Stamp
    record: StationRecord


class Records:
    """The stations' records by name, read again only when their files change.

    Args:
        root: the home folder.
        cache: a local folder with the last known good, in the home's layout; None for none.
    """

    def __init__(self, root: Path, cache: Path | None = None) -> None:
        self._folder = stations_folder(root)
        self._copies = None if cache is None else stations_folder(cache)
        self._shelved: Mapping[str, _Shelved] = {}
        self._refused: dict[Path, Stamp] = {}

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

    @property
    def last_observed(self) -> Mapping[str, str]:
        """The label of the last admitted step of every station that has one."""
        return {
            name: shelved.record.recent.time[-1]
            for name, shelved in sorted(self._shelved.items())
            if shelved.record.recent.time
        }

    @property
    def from_home(self) -> Mapping[str, StationRecord]:
        """The records that were read in the home folder, by name."""
        return {
            name: shelved.record
            for name, shelved in self._shelved.items()
            if shelved.path.parent == self._folder
        }

    def refresh(self) -> None:
        """Look once at every station's file; a damaged one leaves the record as it was."""
        # Storage that went away is no reason to forget.
        standing = is_there(self._folder)
        if standing:
            paths = {path.stem: path for path in self._folder.glob("*.json")}
            for name, path in paths.items():
                self._reread(name, path)
            self._shelved = {name: kept for name, kept in self._shelved.items() if name in paths}
        if self._copies is not None:
            for path in self._copies.glob("*.json"):
                wanted = not standing or path.stem in paths
                if wanted and path.stem not in self._shelved:
                    self._reread(path.stem, path)

    def _reread(self, name: str, path: Path) -> None:
        shelved = self._shelved.get(name)
        stamp: Stamp | None = None
        try:
            status = path.stat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if stamp == self._refused.get(path) or (shelved and shelved.stamp == stamp):
                return
            record = parse_station(json.loads(path.read_bytes()))
        except UNREADABLE as error:
            if stamp is not None:
                self._refused[path] = stamp
            logger.warning("station %s not read, the earlier record stays: %s", name, error)
            return
        self._shelved = {**self._shelved, name: _Shelved(path, stamp, record)}
