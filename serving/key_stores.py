"""Keep keys in a file of the home folder, or in PostgreSQL where several replicas answer."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from forecasting.errors import AlreadyRunning
from forecasting.stores.files import write_json
from forecasting.stores.locks import held_lock, lock_key
from forecasting.stores.postgres import DatabaseUnavailable, open_database, require_driver
from serving.keys import Key, KeysDamaged, KeyStore
from serving.settings import ServingSettings

#: Longest wait for another command that changes the keys, in seconds.
LOCK_WAIT: Final = 10.0

#: Longest that the database may take to answer, in milliseconds.
ANSWER_MS: Final = 2000

BUSY: Final = "the keys are being changed"

_KEYS: Final = TypeAdapter(dict[str, Key])

FIELDS: Final = ("id", "name", "sha256", "scopes", "created", "expires", "revoked")

TABLE: Final = """
CREATE TABLE IF NOT EXISTS gatecast_keys (
  id text PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, scopes text[] NOT NULL,
  created text NOT NULL, expires text, revoked text)"""

READ: Final = "SELECT id, name, sha256, scopes, created, expires, revoked FROM gatecast_keys"

KEEP: Final = """
INSERT INTO gatecast_keys (id, name, sha256, scopes, created, expires, revoked)
VALUES (%(id)s, %(name)s, %(sha256)s, %(scopes)s, %(created)s, %(expires)s, %(revoked)s)
ON CONFLICT (id) DO UPDATE SET expires = EXCLUDED.expires, revoked = EXCLUDED.revoked"""


def key_store(settings: ServingSettings) -> KeyStore:
    """Return where the settings have keys kept; nothing is opened.

    Raises:
        SettingsInvalid: psycopg is not installed, or the address is none of PostgreSQL.
    """
    address = "" if settings.keys_uri is None else settings.keys_uri.get_secret_value()
    if not address:
        return FileKeys(settings.root)
    require_driver(address, "keys_uri")
    return DatabaseKeys(address)


def keys_path(root: Path) -> Path:
    """Return where the keys of a home folder are kept."""
    return root / "keys" / "keys.json"


class FileKeys:
    """The keys of one home folder, in a file that is replaced by rename.

    Args:
        root: the home folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._stamp: tuple[int, int] | None = None

    def read(self) -> dict[str, Key]:
        """Read all keys by their id; none where no file has been written.

        Raises:
            KeysDamaged: the file holds anything else than keys.
        """
        try:
            content = keys_path(self._root).read_bytes()
        except FileNotFoundError:
            return {}
        try:
            return checked(_KEYS.validate_json(content))
        except (ValueError, TypeError) as error:
            path = keys_path(self._root)
            raise KeysDamaged(
                "the keys cannot be read", expected=f"what `gatecast keys` wrote in {path}"
            ) from error

    def fresh(self, known: Mapping[str, Key]) -> Mapping[str, Key]:
        """Read the file again if it has changed; raises as `read` does."""
        try:
            status = keys_path(self._root).stat()
        except FileNotFoundError:
            # Taken away with the whole home it is no decision; alone it is.
            if not self._root.is_dir():
                return known
            self._stamp = None
            return {}
        stamp = (status.st_ino, status.st_mtime_ns)
        if stamp != self._stamp:
            known = self.read()
            self._stamp = stamp
        return known

    @contextmanager
    def changed(self) -> Iterator[dict[str, Key]]:
        """Read the keys under a lock, let them be changed, and write them by rename."""
        with held_lock(self._root, "keys", address=None, wait=LOCK_WAIT, busy=BUSY):
            keys = self.read()
            yield keys
            path = keys_path(self._root)
            write_json(path, {identifier: asdict(key) for identifier, key in keys.items()})
            # Only digests, and still nobody else's business.
            path.chmod(0o600)

    def close(self) -> None:
        """Do nothing: no file is kept open."""


class DatabaseKeys:
    """The keys of all replicas, in a table of PostgreSQL that the first change makes.

    Args:
        address: the database.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._connection: Any = None
        self._asking = threading.Lock()

    def read(self) -> dict[str, Key]:
        """Read all keys by their id; none where none was ever made.

        Raises:
            DatabaseUnavailable: the database does not answer.
            KeysDamaged: the table holds anything else than keys.
        """
        with self._session() as connection:
            return _read(connection)

    def fresh(self, known: Mapping[str, Key]) -> Mapping[str, Key]:  # noqa: ARG002 - a protocol's
        """Read all keys on a connection that is kept, and made anew where it was lost.

        Raises:
            DatabaseUnavailable, KeysDamaged: as `read`.
        """
        import psycopg  # noqa: PLC0415 - wanted only where a setting names a database

        with self._asking:
            try:
                if self._connection is None:
                    self._connection = open_database(self._address, "keys_uri", pauses=())
                    self._connection.execute(f"SET statement_timeout = {ANSWER_MS}")
                return _read(self._connection)
            except psycopg.Error as error:
                connection, self._connection = self._connection, None
                connection.close()
                raise _away(error) from error

    @contextmanager
    def changed(self) -> Iterator[dict[str, Key]]:
        """Read the keys under a lock of the database, let them be changed, commit what differs."""
        import psycopg  # noqa: PLC0415 - wanted only where a setting names a database

        with self._session() as connection, connection.transaction():
            connection.execute(
                "SELECT set_config('lock_timeout', %s, true)", (f"{LOCK_WAIT:.0f}s",)
            )
            try:
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key("keys"),))
            except psycopg.errors.LockNotAvailable as error:
                raise AlreadyRunning(BUSY, expected=f"done within {LOCK_WAIT:.0f} s") from error
            connection.execute(TABLE)
            before = _read(connection)
            keys = dict(before)
            yield keys
            for identifier, key in keys.items():
                if before.get(identifier) != key:
                    connection.execute(KEEP, {**asdict(key), "scopes": list(key.scopes)})

    def close(self) -> None:
        """Close the connection that is kept, if there is one."""
        with self._asking:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    @contextmanager
    def _session(self) -> Iterator[Any]:
        import psycopg  # noqa: PLC0415 - wanted only where a setting names a database

        connection = open_database(self._address, "keys_uri")
        try:
            yield connection
        except psycopg.Error as error:
            raise _away(error) from error
        finally:
            connection.close()


def checked(keys: dict[str, Key]) -> dict[str, Key]:
    """Return the keys, each of whose moments can be compared with now.

    Raises:
        ValueError, TypeError: one cannot, and would fail every request with that key.
    """
    for key in keys.values():
        key.works(datetime.now(UTC))
    return keys


def _read(connection: Any) -> dict[str, Key]:  # noqa: ANN401 - psycopg's connection
    import psycopg  # noqa: PLC0415 - loaded already by whoever connected

    try:
        rows = connection.execute(READ).fetchall()
    except psycopg.errors.UndefinedTable:
        return {}
    try:
        return checked(
            _KEYS.validate_python({row[0]: dict(zip(FIELDS, row, strict=True)) for row in rows})
        )
    except (ValueError, TypeError) as error:
        raise KeysDamaged(
            "the keys cannot be read", expected="what `gatecast keys` wrote in gatecast_keys"
        ) from error


def _away(error: Exception) -> DatabaseUnavailable:
    return DatabaseUnavailable(
        "the database of setting keys_uri went away", found=type(error).__name__
    )
