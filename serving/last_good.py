"""Copy what is live into a local folder, so that a start needs neither home nor registry."""

import logging
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from forecasting.errors import GatecastError
from forecasting.stores.files import safe_name
from forecasting.stores.published import (
    Pointer,
    pointer_path,
    publish,
    published_models,
    verify_manifest,
    version_folder,
    withdraw,
)
from forecasting.stores.stations import (
    StationRecord,
    list_stations,
    stations_folder,
    write_station,
)
from serving.live_models import LiveModels, is_there
from serving.records import Records

#: How long a folder that could not be written is left alone.
PAUSE_SECONDS: Final = 30.0

logger = logging.getLogger(__name__)


class LastGood:
    """Keeps copies of live versions and records, in the home's own layout; never in a request.

    Args:
        folder: where the copies are kept.
        root: the home folder.
        models: whose live versions are copied.
        records: whose records are copied.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        folder: Path,
        root: Path,
        models: Collection[LiveModels[Any]],
        records: Records,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._root = root
        self._models = tuple(models)
        self._records = records
        self._clock = clock
        self._versions: Mapping[str, Pointer] = {}
        self._stations: dict[str, StationRecord] = {}
        self._seen: object = None
        self._retry_at = 0.0
        self.failed = 0

    def keep(self) -> None:
        """Copy what has become live since the last call; a failure is counted and tried later."""
        versions = {each.model: each for models in self._models for each in models.from_home}
        stations = self._records.from_home
        live = frozenset(name for models in self._models for name in models.models)
        seen = (versions, stations, live)
        if seen == self._seen or self._clock() < self._retry_at:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / "copying.lock", blocking=False):
                self._copy_versions(versions)
                self._copy_stations(stations)
            self._seen = seen
        except Timeout:
            # Another worker of this machine is copying the same.
            return
        except (OSError, GatecastError) as error:
            self.failed += 1
            self._retry_at = self._clock() + PAUSE_SECONDS
            logger.warning("the last known good could not be copied: %s", error)

    def _copy_versions(self, versions: Mapping[str, Pointer]) -> None:
        for model, pointer in versions.items():
            if self._versions.get(model) != pointer:
                self._copy_version(pointer)
        for model in self._withdrawn(versions):
            withdraw(self._folder, model)
            shutil.rmtree(pointer_path(self._folder, model).parent)
        self._versions = versions

    def _copy_version(self, pointer: Pointer) -> None:
        files = version_folder(self._root, pointer)
        copied = publish(
            self._folder, files, version=pointer.version, alias=pointer.alias, run_id=pointer.run_id
        )
        kept = version_folder(self._folder, copied)
        verify_manifest(kept, pointer.manifest_sha256)
        for other in kept.parent.iterdir():
            if other.is_dir() and other != kept:
                shutil.rmtree(other)

    def _withdrawn(self, versions: Mapping[str, Pointer]) -> Iterator[str]:
        """Name the copies whose model was taken back; storage that went away took nothing back."""
        for model in published_models(self._folder):
            pointer = pointer_path(self._root, model)
            if model not in versions and not pointer.exists() and is_there(pointer.parent):
                yield model

    def _copy_stations(self, stations: Mapping[str, StationRecord]) -> None:
        for name, record in stations.items():
            if self._stations.get(name) is not record:
                write_station(self._folder, record)
                self._stations[name] = record
        home = stations_folder(self._root)
        for name in list_stations(self._folder):
            there = (home / f"{safe_name(name)}.json").exists()
            if name not in stations and not there and is_there(home):
                (stations_folder(self._folder) / f"{name}.json").unlink()
                self._stations.pop(name, None)
