"""Notice that the registry has changed, and let a short-lived child bring the pointers in step."""

import logging
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol
from urllib.parse import quote, urlsplit

logger = logging.getLogger(__name__)

#: The child holds MLflow, so that this process need not.
RECONCILE: Final = (sys.executable, "-m", "forecasting.stores.reconcile")


class Store(Protocol):
    """Something that can say whether it may have changed since it was last asked."""

    def changed(self) -> bool:
        """Return whether there may be something new; the first sight of a store is new."""

    def close(self) -> None:
        """Let go of the store."""


class SqliteStore:
    """An SQLite file, asked read-only for its data version; absent until MLflow makes it.

    Args:
        path: the database file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._version = 0

    def changed(self) -> bool:
        """Return whether another process has committed, or put another file in place."""
        try:
            inode = self._path.stat().st_ino
            opened = self._connection is None or inode != self._inode
            if opened:
                self._open(inode)
            version = self._read_version()
        except FileNotFoundError:
            self.close()
            return False
        except sqlite3.OperationalError:
            # Locked for a moment, or not yet a whole database: ask again at the next look.
            return False
        newer = opened or version != self._version
        self._version = version
        return newer

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self, inode: int) -> None:
        self.close()
        address = f"file:{quote(str(self._path))}?mode=ro"
        self._connection = sqlite3.connect(address, uri=True, timeout=0.2, isolation_level=None)
        self._inode = inode

    def _read_version(self) -> int:
        if self._connection is None:
            return 0
        return int(self._connection.execute("PRAGMA data_version").fetchall()[0][0])


class RemoteStore:
    """A tracking server or a database server: it cannot be asked cheaply, so it is always new."""

    def changed(self) -> bool:
        """Return true: only the pace of the healer limits how often it is asked."""
        return True

    def close(self) -> None:
        """Do nothing: there is no connection."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often the healer looks, and how it treats its child; all in seconds."""

    look: float = 2.0
    spacing: float = 10.0
    longest_spacing: float = 300.0
    child_deadline: float = 120.0
    child_grace: float = 5.0


def store_of(tracking: str) -> tuple[Store, Pace]:
    """Return how a tracking address is watched, and at which pace."""
    parts = urlsplit(tracking)
    if parts.scheme.split("+")[0] == "sqlite":
        # SQLAlchemy's form: three slashes before a relative path, four before an absolute one.
        return SqliteStore(Path(parts.path.removeprefix("/"))), Pace()
    return RemoteStore(), Pace(spacing=20.0)


class Healer:
    """Starts the reconciling child when the store has changed; one at a time, never in a hurry.

    Args:
        root: the home folder, handed to the child.
        tracking: the MLflow address, handed to the child.
        command: the child's command line.
        store: what is watched; from the tracking address when None.
        pace: how often; from the tracking address when None.
    """

    def __init__(
        self,
        root: Path,
        tracking: str,
        *,
        command: Sequence[str] = RECONCILE,
        store: Store | None = None,
        pace: Pace | None = None,
    ) -> None:
        usual_store, usual_pace = store_of(tracking)
        self._store = store or usual_store
        self._pace = pace or usual_pace
        self._command = tuple(command)
        self._environment = {"GATECAST_HOME": str(root), "GATECAST_TRACKING_URI": tracking}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="healer", daemon=True)
        self._child: _Child | None = None
        self._pending = False
        self._next_start = 0.0
        self._failures = 0

    def start(self) -> None:
        """Begin to watch and return at once."""
        self._thread.start()

    def stop(self) -> None:
        """End the watch and a running child; returns when both are gone."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._look()
                self._stop.wait(self._pace.look)
        finally:
            self._store.close()
            if self._child is not None:
                self._child.end(self._pace.child_grace)

    def _look(self) -> None:
        self._pending = self._store.changed() or self._pending
        if self._child is not None:
            self._watch_child(self._child)
        elif self._pending and time.monotonic() >= self._next_start:
            self._pending = False
            self._start_child()

    def _start_child(self) -> None:
        self._next_start = time.monotonic() + self._pace.spacing
        try:
            self._child = _Child(self._command, self._environment)
        except OSError as error:
            self._retry_later(str(error))

    def _watch_child(self, child: "_Child") -> None:
        code = child.poll()
        if code is None and child.age < self._pace.child_deadline:
            return
        complaint = child.end(self._pace.child_grace)
        self._child = None
        if code == 0:
            self._failures = 0
        else:
            self._retry_later(complaint)

    def _retry_later(self, complaint: str) -> None:
        self._failures += 1
        spacing = min(self._pace.longest_spacing, self._pace.spacing * 2.0**self._failures)
        self._next_start = time.monotonic() + spacing
        self._pending = True
        logger.warning("the registry was not reconciled, next in %.0f s: %s", spacing, complaint)


class _Child:
    """One run of the reconciling program, at the lowest priority."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self._born = time.monotonic()
        with ExitStack() as closing_on_failure:
            # A file, not a pipe: nobody reads while it runs. It is closed when the child ends.
            self._complaints: IO[bytes] = closing_on_failure.enter_context(tempfile.TemporaryFile())
            self._process = subprocess.Popen(  # noqa: S603 - our own command, never a request's
                command,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._complaints,
            )
            closing_on_failure.pop_all()
        # It may have ended already.
        with suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, 19)

    @property
    def age(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._born

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self._process.poll()

    def end(self, grace_seconds: float) -> str:
        """End it if it still runs; returns the last line it complained with."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(grace_seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").split("\n")
        self._complaints.close()
        return next((line for line in reversed(lines) if line.strip()), "no word")[:500]
