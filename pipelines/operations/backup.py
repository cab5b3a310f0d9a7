"""Copy stores and artifacts together, whole and summed, and put them back at another place."""

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from forecasting.errors import GatecastError, StorageFailed
from forecasting.settings import Settings
from forecasting.stores.files import sha256, storage_errors, sync_folder, write_json
from forecasting.stores.locks import held_lock
from forecasting.stores.published import require_same_sums

#: The list of what a backup holds, with its sums; written last, by rename.
CONTENTS = "backup.json"

#: The form of that list.
FORM = 1

#: What of a home is copied. Locks, caches and who is alive belong to the machine; MLflow's and
#: Prefect's databases are copied by SQLite itself.
FOLDERS = (
    "raw", "admitted", "texts", "reports", "stations", "published", "decisions", "intervals",
    "attempts", "fencing", "notices", "keys", "mlflow", "explanations", "surveys",
)  # fmt: skip
LOOSE = ("promotions.jsonl",)
DATABASES = ("mlflow/mlflow.db", "prefect/prefect.db")

#: What SQLite and our own writing leave beside files, which is no content.
BESIDE = (".db", ".db-wal", ".db-shm", ".db-journal", ".lock")

#: Where MLflow's database says under which absolute folder artifacts lie.
PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("tags", "value"),
)

#: Longest wait for promotions that are under way, in seconds.
LOCK_WAIT = 120.0


class BackupRefused(GatecastError):
    """A backup cannot be made there, or is not one that can be put back."""

    code = "BACKUP_REFUSED"


@dataclass(frozen=True, kw_only=True)
class BackedUp:
    """What a backup or a restore has copied: files, bytes, and where."""

    place: str
    files: int
    bytes: int
    made: str


def back_up(settings: Settings, target: Path) -> BackedUp:
    """Copy a home into a new folder while no champion can move.

    The copy is complete or absent: it is made beside the target and renamed there.

    Args:
        settings: the home; its tracking store has to be the embedded one.
        target: a folder that does not exist, or is empty.

    Raises:
        BackupRefused: the store is a server, or the target holds something.
        AlreadyRunning: a promotion did not end in time.
        StorageFailed: a disk is full or fails, or a database is damaged.
    """
    if settings.tracking_uri is not None:
        raise BackupRefused(
            "the tracking store is not in the home folder",
            expected="the embedded store; for a server see docs/operations/retraining.md",
            found=settings.tracking_uri.partition(":")[0],
        )
    with _disk_errors("the backup"), _made_beside(target) as scratch:
        with _nothing_moves(settings):
            _copy(settings.root, scratch)
        told = _write_contents(settings.root, scratch)
        _put(scratch, target)
    return BackedUp(place=str(target), **told)


def restore(settings: Settings, source: Path) -> BackedUp:
    """Put a backup back into an empty home, at whichever place, after verifying every byte.

    Where the home lies elsewhere than before, the artifacts' addresses in MLflow's database are
    written anew.

    Args:
        settings: the home, which has to be absent or empty.
        source: the backup.

    Raises:
        BackupRefused: the home is not empty, or the source is no backup of this form.
        ManifestMismatch: a file is missing, extra or changed.
        StorageFailed: a disk is full or fails.
    """
    contents = read_contents(source)
    root = settings.root
    with _disk_errors("the restored home"):
        verify(source, contents)
        return _put_back(source, contents, root)


def _put_back(source: Path, contents: dict[str, Any], root: Path) -> BackedUp:
    with _made_beside(root) as scratch:
        for name in contents["files"]:
            path = scratch / name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, path)
        verify(scratch, contents)
        _move_addresses(scratch / DATABASES[0], Path(contents["root"]), root)
        _put(scratch, root)
    sizes = [(root / name).stat().st_size for name in contents["files"]]
    return BackedUp(place=str(root), files=len(sizes), bytes=sum(sizes), made=contents["made"])


@contextmanager
def _made_beside(place: Path) -> Iterator[Path]:
    """Give a folder beside a place that is absent or empty; nothing of it stays where that fails.

    Raises:
        BackupRefused: the place holds something.
    """
    _require_empty(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=place.parent, prefix=".tmp-"))
    try:
        yield scratch
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


@contextmanager
def _disk_errors(what: str) -> Iterator[None]:
    """Turn what a disk refuses into one code, also where SQLite says it.

    Raises:
        StorageFailed: the disk is full, read-only or failing, or a database is damaged.
    """
    try:
        with storage_errors(what):
            yield
    except sqlite3.Error as error:
        raise StorageFailed(f"{what} could not be written", found=str(error)) from error


def read_contents(source: Path) -> dict[str, Any]:
    """Read what a backup says that it holds.

    Raises:
        BackupRefused: it is no backup, or one of another form.
    """
    try:
        contents: dict[str, Any] = json.loads((source / CONTENTS).read_bytes())
        known = contents["form"] == FORM and isinstance(contents["files"], dict)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupRefused(
            "this is no whole backup", expected=f"{CONTENTS} in the folder", found=source.name
        ) from error
    if not known:
        raise BackupRefused(
            "the backup has another form", expected=f"form {FORM}", found=contents.get("form")
        )
    return contents


def verify(source: Path, contents: dict[str, Any]) -> None:
    """Check every byte of a backup.

    Raises:
        ManifestMismatch: a file is missing, extra or changed.
    """
    named = contents["files"]
    present = {str(path.relative_to(source)): sha256(path) for path in _files(source)}
    present.pop(CONTENTS, None)
    require_same_sums(named, present, "the backup is not whole")


def _require_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BackupRefused(
            f"{folder.name} is not empty", expected="a folder that is absent or empty"
        )


def _nothing_moves(settings: Settings) -> ExitStack:
    """Hold every lock under which champions move and logs grow; they are released on exit."""
    root = settings.root
    names = {path.stem for path in (root / "locks").glob("*.lock")}
    names = {name for name in names if name.startswith(("promote-", "decisions-"))}
    for model in (root / "published").glob("*"):
        names |= {f"promote-{model.name}", f"decisions-{model.name}"}
    held, busy, wait = ExitStack(), "a promotion is under way", LOCK_WAIT
    try:
        # The log's lock last, as a promotion takes it.
        for name in (*sorted(names), "promotions"):
            address = settings.lock_address
            held.enter_context(held_lock(root, name, address=address, wait=wait, busy=busy))
    except GatecastError:
        held.close()
        raise
    return held


def _copy(root: Path, scratch: Path) -> None:
    """Copy the databases first, then the files: what a database names has been written by then."""
    for name in DATABASES:
        if (root / name).is_file():
            _copy_database(root / name, scratch / name)
    for folder in FOLDERS:
        for path in _files(root / folder):
            below = path.relative_to(root)
            if path.suffix not in BESIDE and not any(".tmp-" in part for part in below.parts):
                _copy_file(path, scratch / below)
    for name in LOOSE:
        if (root / name).is_file():
            _copy_file(root / name, scratch / name)


def _copy_database(source: Path, target: Path) -> None:
    """Copy a database as of one moment, whoever writes to it meanwhile."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):  # pruned since it was listed, and so nobody's any more
        shutil.copy2(source, target)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())


def _write_contents(root: Path, scratch: Path) -> dict[str, Any]:
    files = {str(path.relative_to(scratch)): sha256(path) for path in _files(scratch)}
    made = datetime.now(UTC).isoformat(timespec="seconds")
    content = {"form": FORM, "made": made, "root": str(root), "files": files}
    write_json(scratch / CONTENTS, content)
    size = sum((scratch / name).stat().st_size for name in files)
    return {"files": len(files), "bytes": size, "made": made}


def _put(scratch: Path, place: Path) -> None:
    """Flush a finished copy to the disk and rename it into its place."""
    for path in _files(scratch):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    scratch.chmod(0o755)
    if place.exists():
        place.rmdir()
    scratch.replace(place)
    sync_folder(place.parent)


def _move_addresses(database: Path, before: Path, after: Path) -> None:
    """Write the absolute addresses of artifacts anew, as file addresses and as plain paths."""
    if before == after or not database.is_file():
        return
    with closing(sqlite3.connect(database)) as store, store:
        for old, new in ((before.as_uri(), after.as_uri()), (str(before), str(after))):
            for table, column in PLACES:
                store.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608
                    f"WHERE substr({column}, 1, ?) = ?",
                    (f"{new}/", len(old) + 2, len(old) + 1, f"{old}/"),
                )
