"""Keep the API's keys: made of 256 random bits, stored as their SHA-256, with scopes and an end."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from filelock import FileLock
from pydantic import TypeAdapter

from forecasting.errors import GatecastError
from forecasting.stores.files import write_json

#: What a key may be for. `admin` is for everything.
SCOPES: Final = ("forecast", "observe", "promote", "admin")

#: `gck_`, eight hexadecimal digits that name the key, and 256 bits that prove it.
KEY: Final = re.compile(r"gck_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")

NAME: Final = re.compile(r"[A-Za-z0-9 ._@-]{1,64}")

#: Longest wait for another command that changes the keys, in seconds.
LOCK_WAIT: Final = 10.0


class KeyUnknown(GatecastError):
    """No key has that id."""

    code = "KEY_UNKNOWN"


class KeyInvalid(GatecastError):
    """A key was asked for with a name, a scope or a life that it cannot have."""

    code = "KEY_INVALID"


class KeysDamaged(GatecastError):
    """The file of the keys is none that `gatecast keys` has written."""

    code = "KEYS_DAMAGED"


@dataclass(frozen=True, kw_only=True)
class Key:
    """What is kept of a key; never the key itself.

    `created`, `expires` and `revoked` are ISO 8601 moments in UTC; a key without `expires` lasts.
    """

    id: str
    name: str
    sha256: str
    scopes: tuple[str, ...]
    created: str
    expires: str | None = None
    revoked: str | None = None

    def works(self, now: datetime) -> bool:
        """Say whether the key is neither revoked nor past its end."""
        ends = [moment for moment in (self.expires, self.revoked) if moment is not None]
        return all(now < datetime.fromisoformat(moment) for moment in ends)

    def allows(self, scope: str) -> bool:
        """Say whether the key is for a scope."""
        return scope in self.scopes or "admin" in self.scopes


def keys_path(root: Path) -> Path:
    """Return where the keys of a home folder are kept."""
    return root / "keys" / "keys.json"


_KEYS: Final = TypeAdapter(dict[str, Key])


def read_keys(root: Path) -> dict[str, Key]:
    """Read all keys by their id; none where no file has been written.

    Raises:
        KeysDamaged: the file holds anything else than keys.
    """
    try:
        content = keys_path(root).read_bytes()
    except FileNotFoundError:
        return {}
    try:
        keys = _KEYS.validate_json(content)
        for key in keys.values():
            # A moment that cannot be compared would fail every request with that key.
            key.works(datetime.now(UTC))
    except (ValueError, TypeError) as error:
        raise KeysDamaged(
            "the keys cannot be read", expected=f"what `gatecast keys` wrote in {keys_path(root)}"
        ) from error
    return keys


def create_key(
    root: Path, name: str, scopes: tuple[str, ...], days: float | None = None
) -> tuple[str, Key]:
    """Make a key; returns it whole, for this one time, and what is kept of it.

    Args:
        root: the home folder.
        name: whose it is.
        scopes: what it is for.
        days: how long it lasts; for ever when None.

    Raises:
        KeyInvalid: the name, a scope or the days cannot be used.
    """
    if NAME.fullmatch(name) is None:
        raise KeyInvalid("a key's name cannot be used", expected="1 to 64 plain characters")
    if not scopes or not set(scopes) <= set(SCOPES):
        raise KeyInvalid("a scope is not known", expected=", ".join(SCOPES), found=list(scopes))
    if days is not None and not 0 < days <= 3650:
        raise KeyInvalid("a key cannot last so long", expected="0 to 3650 days", found=days)
    now = datetime.now(UTC)
    with _changed(root) as keys:
        identifier = next(
            each for each in iter(lambda: secrets.token_hex(4), "") if each not in keys
        )
        whole = f"gck_{identifier}_{secrets.token_urlsafe(32)}"
        key = Key(
            id=identifier,
            name=name,
            sha256=_digest(whole),
            scopes=tuple(dict.fromkeys(scopes)),
            created=now.isoformat(timespec="seconds"),
            expires=None if days is None else _later(now, days),
        )
        keys[identifier] = key
    return whole, key


def revoke_key(root: Path, identifier: str, hours: float = 0.0) -> Key:
    """Let a key end, now or in some hours; the entry stays.

    Raises:
        KeyUnknown: no key has that id.
    """
    with _changed(root) as keys:
        if identifier not in keys:
            raise KeyUnknown(
                "no such key", expected=", ".join(keys) or "none yet", found=identifier
            )
        moment = _later(datetime.now(UTC), hours / 24)
        before = keys[identifier].revoked
        keys[identifier] = replace(
            keys[identifier], revoked=moment if before is None else min(before, moment)
        )
        return keys[identifier]


def rotate_key(root: Path, identifier: str, hours: float) -> tuple[str, Key]:
    """Make a key like another, which goes on for some hours beside it.

    Raises:
        KeyUnknown: no key has that id.
        KeyInvalid: the other has ended.
    """
    keys = read_keys(root)
    if identifier not in keys:
        raise KeyUnknown("no such key", expected=", ".join(keys) or "none yet", found=identifier)
    before = keys[identifier]
    if not before.works(datetime.now(UTC)):
        raise KeyInvalid("a key that has ended is not rotated", expected="a key that works")
    days = None
    if before.expires is not None:
        life = datetime.fromisoformat(before.expires) - datetime.fromisoformat(before.created)
        days = life / timedelta(days=1)
    made = create_key(root, before.name, before.scopes, days)
    revoke_key(root, identifier, hours)
    return made


def find_key(keys: Mapping[str, Key], presented: str) -> Key | None:
    """Return the key that was presented, or None; takes as long for a wrong one as for a right.

    Args:
        keys: all keys by id.
        presented: what a client sent.
    """
    form = KEY.fullmatch(presented)
    key = keys.get(form.group(1)) if form is not None else None
    expected = key.sha256 if key is not None else "0" * 64
    same = hmac.compare_digest(_digest(presented), expected)
    return key if same else None


@contextmanager
def _changed(root: Path) -> Iterator[dict[str, Key]]:
    """Read the keys under a lock, let them be changed, and write them by rename."""
    folder = root / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "keys.lock", timeout=LOCK_WAIT):
        keys = read_keys(root)
        yield keys
        path = keys_path(root)
        write_json(path, {identifier: asdict(key) for identifier, key in keys.items()})
        # Only digests, and still nobody else's business.
        path.chmod(0o600)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _later(now: datetime, days: float) -> str:
    return (now + timedelta(days=days)).isoformat(timespec="seconds")
