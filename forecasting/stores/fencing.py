"""Number the retrainings of a station, so that one believed dead cannot publish when it returns.

A token is taken under the retrain lock and is higher than all before it. Whoever promotes
compares under the promotion lock: a retraining that was overtaken is refused.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from forecasting.errors import GatecastError
from forecasting.stores.files import safe_name, write_json
from forecasting.stores.locks import held_lock

#: Longest wait for another process that takes a token, in seconds.
LOCK_WAIT: Final = 60.0

#: The tag in which a version keeps the token of its retraining.
TAG: Final = "fencing_token"


class Fenced(GatecastError):
    """A later retraining of the same station has begun, or has promoted, in the meantime."""

    code = "FENCED"


@dataclass(frozen=True, kw_only=True)
class Fence:
    """The number under which a retraining of `key` works."""

    key: str
    token: int

    def require_newest(self, root: Path) -> None:
        """Refuse a retraining that another one has overtaken.

        Raises:
            Fenced: a higher token has been given out since.
        """
        newest = _read(_issued(root, self.key))
        if newest != self.token:
            raise Fenced(
                f"a later retraining of {self.key} has taken over",
                expected=f"token {newest}",
                found=f"token {self.token}",
            )


def take(root: Path, key: str, address: str | None = None) -> Fence:
    """Give out the next token of a station or corpus; the caller holds its retrain lock.

    Args:
        root: the home folder.
        key: the station or corpus.
        address: the PostgreSQL database that keeps the locks; files do where it is None.

    Raises:
        AlreadyRunning: another process has been taking one for a minute.
    """
    path, name = _issued(root, key), f"token-{safe_name(key)}"
    busy = f"a token of {key} is being taken"
    # A lock of its own: the retrain lock may be the very thing that somebody has lost.
    with held_lock(root, name, address=address, wait=LOCK_WAIT, busy=busy):
        token = _read(path) + 1
        write_json(path, {"token": token})
    return Fence(key=key, token=token)


def require_not_older(root: Path, model: str, token: int | None) -> None:
    """Refuse a version of a retraining that is older than the one which promoted last.

    Args:
        root: the home folder.
        model: the registered model.
        token: of the version's retraining; None of a version older than tokens.

    Raises:
        Fenced: it is older.
    """
    promoted = _read(_promoted(root, model))
    if token is not None and token < promoted:
        raise Fenced(
            f"a later retraining of {model} has been promoted",
            expected=f"at least token {promoted}",
            found=f"token {token}",
        )


def note_promoted(root: Path, model: str, token: int | None) -> None:
    """Remember the token of the retraining that promoted last; the caller holds the lock."""
    if token is not None:
        write_json(_promoted(root, model), {"token": token})


def _issued(root: Path, key: str) -> Path:
    return root / "fencing" / "issued" / f"{safe_name(key)}.json"


def _promoted(root: Path, model: str) -> Path:
    return root / "fencing" / "promoted" / f"{safe_name(model)}.json"


def _read(path: Path) -> int:
    """Return the number in a file; 0 where none was written.

    Raises:
        Fenced: the file is spoilt, so that nobody can say which token is the newest.
    """
    try:
        return int(json.loads(path.read_bytes())["token"])
    except FileNotFoundError:
        return 0
    except (ValueError, KeyError, TypeError) as error:
        raise Fenced(
            f"{path.parent.name}/{path.name} cannot be read", expected='{"token": N}', found=error
        ) from error
