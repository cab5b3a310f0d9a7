"""Make and end the API's keys: 256 random bits, kept as their SHA-256, with scopes and an end."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from forecasting.errors import GatecastError

#: What a key may be for. `admin` is for everything.
SCOPES: Final = ("forecast", "observe", "promote", "admin")

#: `gck_`, eight hexadecimal digits that name the key, and 256 bits that prove it.
KEY: Final = re.compile(r"gck_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")

NAME: Final = re.compile(r"[A-Za-z0-9 ._@-]{1,64}")


class KeyUnknown(GatecastError):
    """No key has that id."""

    code = "KEY_UNKNOWN"


class KeyInvalid(GatecastError):
    """A key was asked for with a name, a scope or a life that it cannot have."""

    code = "KEY_INVALID"


class KeysDamaged(GatecastError):
    """The kept keys are none that `gatecast keys` has written."""

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


class KeyStore(Protocol):
    """Where keys are kept: a home folder's file, or a database."""

    def read(self) -> dict[str, Key]:
        """Return all keys by their id."""

    def fresh(self, known: Mapping[str, Key]) -> Mapping[str, Key]:
        """Return all keys by their id, or those that are known where nothing has changed."""

    def changed(self) -> AbstractContextManager[dict[str, Key]]:
        """Let all keys be read and changed while nobody else changes them; kept afterwards."""

    def close(self) -> None:
        """Let go of what `fresh` keeps open."""


def create_key(
    store: KeyStore, name: str, scopes: tuple[str, ...], days: float | None = None
) -> tuple[str, Key]:
    """Make a key; returns it whole, for this one time, and what is kept of it.

    Args:
        store: where keys are kept.
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
    with store.changed() as keys:
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


def revoke_key(store: KeyStore, identifier: str, hours: float = 0.0) -> Key:
    """Let a key end, now or in some hours; the entry stays.

    Raises:
        KeyUnknown: no key has that id.
    """
    with store.changed() as keys:
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


def rotate_key(store: KeyStore, identifier: str, hours: float) -> tuple[str, Key]:
    """Make a key like another, which goes on for some hours beside it.

    Raises:
        KeyUnknown: no key has that id.
        KeyInvalid: the other has ended.
    """
    keys = store.read()
    if identifier not in keys:
        raise KeyUnknown("no such key", expected=", ".join(keys) or "none yet", found=identifier)
    before = keys[identifier]
    if not before.works(datetime.now(UTC)):
        raise KeyInvalid("a key that has ended is not rotated", expected="a key that works")
    days = None
    if before.expires is not None:
        life = datetime.fromisoformat(before.expires) - datetime.fromisoformat(before.created)
        days = life / timedelta(days=1)
    made = create_key(store, before.name, before.scopes, days)
    revoke_key(store, identifier, hours)
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


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _later(now: datetime, days: float) -> str:
    return (now + timedelta(days=days)).isoformat(timespec="seconds")
