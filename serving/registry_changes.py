"""Notice, cheaply and without MLflow, that the registry may have changed."""

import base64
import json
import os
import sqlite3
import ssl
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlencode, urlsplit
from urllib.request import Request, build_opener

from forecasting.errors import NoChampion
from forecasting.stores.published import SERVED_ALIAS, is_ours, read_pointer
from serving.live_models import UNREADABLE

#: Longest wait for a tracking server's word, in seconds, and most bytes of one answer.
ASK_SECONDS: Final = 5.0
ANSWER_BYTES: Final = 16 * 2**20

#: Most pages of a thousand models that are asked for.
MOST_PAGES: Final = 100


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


class DatabaseStore:
    """A database server: it cannot be asked cheaply, so the healer's pace alone limits it."""

    def changed(self) -> bool:
        """Return true."""
        return True

    def close(self) -> None:
        """Do nothing: there is no connection."""


class ServerStore:
    """A tracking server, asked over REST which version is champion of what.

    Args:
        address: the server's, http or https; credentials as MLflow takes them.
        root: the home folder, whose pointers are compared.
    """

    def __init__(self, address: str, root: Path) -> None:
        parts = urlsplit(address)
        port = "" if parts.port is None else f":{parts.port}"
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        self._address = f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"
        self._authority = _authority(parts.username, parts.password)
        self._root = root
        self._opener = build_opener()
        self._seen: dict[str, int | None] | None = None

    def changed(self) -> bool:
        """Return whether the champions are others than at the last look and than published.

        A server that is away has not changed. One that answers, but not to us, is left to the
        child, which knows more ways to ask.
        """
        try:
            champions = self._ask()
        except HTTPError as error:
            error.close()
            return True
        except (URLError, OSError, HTTPException) as error:
            return isinstance(getattr(error, "reason", error), ssl.SSLError)
        except (ValueError, TypeError, KeyError, AttributeError):
            return True
        before, self._seen = self._seen, champions
        # The first sight is new even where all agrees: the published files may be spoilt.
        return before is None or (before != champions and self._differs(champions))

    def close(self) -> None:
        """Do nothing: each look has its own connection."""

    def _ask(self) -> dict[str, int | None]:
        champions: dict[str, int | None] = {}
        token = ""
        for _ in range(MOST_PAGES):
            page = self._page(token)
            for model in page.get("registered_models", []):
                if is_ours(model["name"]):
                    aliases = {each["alias"]: each["version"] for each in model.get("aliases", [])}
                    champion = aliases.get(SERVED_ALIAS)
                    champions[model["name"]] = None if champion is None else int(champion)
            token = page.get("next_page_token", "")
            if not token:
                break
        return champions

    def _page(self, token: str) -> dict[str, Any]:
        query = urlencode({"max_results": 1000, **({"page_token": token} if token else {})})
        request = Request(  # noqa: S310 - http or https, from the settings alone
            f"{self._address}/api/2.0/mlflow/registered-models/search?{query}"
        )
        if self._authority is not None:
            # Not carried along when the server sends us elsewhere.
            request.add_unredirected_header("Authorization", self._authority)
        with self._opener.open(request, timeout=ASK_SECONDS) as answer:
            page: dict[str, Any] = json.loads(answer.read(ANSWER_BYTES))
        return page

    def _differs(self, champions: dict[str, int | None]) -> bool:
        return any(champion != self._published(name) for name, champion in champions.items())

    def _published(self, model: str) -> int | None:
        try:
            return read_pointer(self._root, model).version
        except NoChampion:
            return None
        except UNREADABLE:
            return 0


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often the healer looks, and how it treats its child; all in seconds."""

    look: float = 2.0
    spacing: float = 10.0
    longest_spacing: float = 300.0
    child_deadline: float = 120.0
    child_grace: float = 5.0


def store_of(tracking: str, root: Path) -> tuple[Store, Pace]:
    """Return how a tracking address is watched, and at which pace."""
    parts = urlsplit(tracking)
    kind = parts.scheme.split("+")[0]
    if kind == "sqlite":
        # SQLAlchemy's form: three slashes before a relative path, four before an absolute one.
        return SqliteStore(Path(parts.path.removeprefix("/"))), Pace()
    if kind in {"http", "https"}:
        # It says itself whether a pointer is behind, so that few children are started in vain.
        return ServerStore(tracking, root), Pace(spacing=5.0)
    # A change is seen by the child alone: this and its own seconds stay under half a minute.
    return DatabaseStore(), Pace(spacing=15.0)


def _authority(user: str | None, password: str | None) -> str | None:
    """Return the header that MLflow's own client would send, from its address or environment."""
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    user = unquote(user) if user else os.environ.get("MLFLOW_TRACKING_USERNAME")
    password = unquote(password) if password else os.environ.get("MLFLOW_TRACKING_PASSWORD")
    if user and password:
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return f"Bearer {token}" if token else None
