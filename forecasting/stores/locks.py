"""Give a lock by name: a file's under the home folder, or PostgreSQL's where several machines work.

A lock of PostgreSQL is one of its sessions': it ends with the connection. So whoever holds one for
long asks whether it is still there before others would see what it did.
"""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

from filelock import FileLock

from forecasting.errors import AlreadyRunning, GatecastError
from forecasting.stores.postgres import DatabaseUnavailable, open_database

#: Longest that a question whether the lock is still held may take, in milliseconds.
ANSWER_MS: Final = 5000

#: How long a session waits for a lock, and for any answer; 0 is for ever.
SET_LIMITS: Final = (
    "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false)"
)


class LockLost(GatecastError):
    """The database let go of a lock while its holder worked; somebody else may have it by now."""

    code = "LOCK_LOST"


class TurnTaken(AlreadyRunning):
    """Another process does the very work that is asked for, and not only something on its way."""


class Held(Protocol):
    """A lock while it is held."""

    def require(self) -> None:
        """Refuse to go on where the lock has been lost.

        Raises:
            LockLost: it is not held any more.
        """


def lock_key(name: str) -> int:
    """Return a name's number among PostgreSQL's advisory locks: 64 bits, the same everywhere.

    >>> lock_key("promote-climate-oslo")
    -8136732134117301098
    """
    digest = hashlib.sha256(f"gatecast:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


@contextmanager
def held_lock(
    root: Path, name: str, *, address: str | None, wait: float, busy: str
) -> Iterator[Held]:
    """Hold the lock of a name while the block runs.

    Args:
        root: the home folder, where the lock's file lies.
        name: of what is locked; may become part of a path.
        address: the PostgreSQL database that keeps the lock instead of a file.
        wait: longest wait for another holder, in seconds; 0 waits not at all.
        busy: what another holder does, as a sentence.

    Raises:
        AlreadyRunning: another process held it for longer than the wait.
        SettingsInvalid, DatabaseUnavailable: the database cannot be used.
    """
    if address is None:
        with _file_lock(root, name, wait=wait, busy=busy) as held:
            yield held
    else:
        with _session_lock(address, name, wait=wait, busy=busy) as session:
            yield session


@contextmanager
def held_turn(root: Path, name: str, *, address: str | None, busy: str) -> Iterator[Held]:
    """Hold the lock of a whole work, without waiting for another process that does it.

    Args:
        root: the home folder, where the lock's file lies.
        name: of the work; may become part of a path.
        address: the PostgreSQL database that keeps the lock instead of a file.
        busy: what another holder does, as a sentence.

    Raises:
        TurnTaken: another process does it. What the block itself raises is none of that.
        SettingsInvalid, DatabaseUnavailable: the database cannot be used.
    """
    with ExitStack() as stack:
        lock = held_lock(root, name, address=address, wait=0, busy=busy)
        try:
            held = stack.enter_context(lock)
        except AlreadyRunning as error:
            raise TurnTaken(error.message, expected=error.expected, found=error.found) from error
        yield held


class _File:
    """A file's lock, which the system keeps until the process lets go of it or ends."""

    def require(self) -> None:
        """Do nothing: it cannot be lost."""


class _Session:
    """A lock of a session of PostgreSQL."""

    def __init__(self, connection: Any, name: str, key: int) -> None:  # noqa: ANN401 - psycopg's
        self._connection = connection
        self._name = name
        self._key = key

    def require(self) -> None:
        """Ask the session for its lock.

        Raises:
            LockLost: the session has ended, or does not hold it.
        """
        import psycopg  # noqa: PLC0415 - loaded already by whoever connected

        question = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND pid = pg_backend_pid() AND objsubid = 1"
            " AND (classid::bigint << 32) | objid::bigint = %s"
        )
        try:
            row = self._connection.execute(question, (self._key,)).fetchone()
        except psycopg.Error as error:
            raise self._lost(type(error).__name__) from error
        if row[0] != 1:
            raise self._lost("a session without it")

    def _lost(self, found: str) -> LockLost:
        return LockLost(
            f"the lock {self._name} was lost while it was held",
            expected="the session that took it",
            found=found,
        )


@contextmanager
def _file_lock(root: Path, name: str, *, wait: float, busy: str) -> Iterator[Held]:
    folder = root / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{name}.lock", timeout=wait)
    try:
        lock.acquire()
    except TimeoutError as error:
        raise _taken(busy, wait) from error
    # Outside the `try`: a time-out of the work itself is no other holder.
    try:
        yield _File()
    finally:
        lock.release()


@contextmanager
def _session_lock(address: str, name: str, *, wait: float, busy: str) -> Iterator[Held]:
    key = lock_key(name)
    connection = open_database(address, "lock_uri")
    try:
        _take(connection, key, wait=wait, busy=busy)
        yield _Session(connection, name, key)
    finally:
        _let_go(connection, key)


def _take(connection: Any, key: int, *, wait: float, busy: str) -> None:  # noqa: ANN401 - psycopg's
    """Wait for the lock, then for no answer longer than one of this session's may take.

    Raises:
        AlreadyRunning: another session held it for longer than the wait.
        DatabaseUnavailable: the database went away meanwhile.
    """
    import psycopg  # noqa: PLC0415 - loaded already

    if wait > 0:
        asked, limits = "pg_advisory_lock(%s) IS NOT NULL", (f"{round(wait * 1000)}ms", "0")
    else:
        asked, limits = "pg_try_advisory_lock(%s)", ("0", "0")
    try:
        connection.execute(SET_LIMITS, limits)
        (taken,) = connection.execute(f"SELECT {asked}", (key,)).fetchone()
        connection.execute(SET_LIMITS, ("0", f"{ANSWER_MS}ms"))
    except psycopg.errors.LockNotAvailable as error:
        raise _taken(busy, wait) from error
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(
            "the database of setting lock_uri went away", found=type(error).__name__
        ) from error
    if not taken:
        raise _taken(busy, wait)


def _let_go(connection: Any, key: int) -> None:  # noqa: ANN401 - psycopg's
    """Give the lock back at once; the end of the session would do so a little later."""
    import psycopg  # noqa: PLC0415 - loaded already

    with suppress(psycopg.Error):
        connection.execute("SELECT pg_advisory_unlock(%s)", (key,))
    connection.close()


def _taken(busy: str, wait: float) -> AlreadyRunning:
    expected = f"done within {wait:.0f} s" if wait > 0 else "one at a time"
    return AlreadyRunning(busy, expected=expected, found="another process")
