"""The verbs for API keys: create, list, rotate, revoke."""

import json as json_format
import sys
from datetime import UTC, datetime
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from serving.key_stores import key_store
from serving.keys import Key, create_key, revoke_key, rotate_key
from serving.settings import load_serving_settings

Scope = Literal["forecast", "observe", "promote", "admin"]


def create(
    name: str,
    *,
    scope: Annotated[tuple[Scope, ...], Parameter(negative=())] = ("forecast",),
    days: float | None = 365.0,
    json: bool = False,
) -> None:
    """Make a key and print it: this one time only, since no more than its digest is kept.

    Args:
        name: whose it is.
        scope: what it is for; may be given several times.
        days: how long it lasts.
        json: print one object.

    Raises:
        KeyInvalid: the name or the days cannot be used.
    """
    whole, key = create_key(key_store(load_serving_settings()), name, scope, days)
    _print_made(whole, key, json=json)


def list_all(*, json: bool = False) -> None:
    """List the keys: whose, for what, until when; never the keys themselves.

    Args:
        json: print one object.
    """
    keys = list(key_store(load_serving_settings()).read().values())
    if json:
        _print_json({"keys": [_shown(key) for key in keys]})
        return
    table = Table(box=SIMPLE_HEAD)
    for heading in ("id", "name", "scopes", "created", "expires", "state"):
        table.add_column(heading, no_wrap=heading == "id")
    for key in keys:
        row = _shown(key)
        scopes = ", ".join(key.scopes)
        made, expires = key.created[:10], (key.expires or "never")[:10]
        table.add_row(key.id, key.name, scopes, made, expires, str(row["state"]))
    Console().print(table)


def revoke(identifier: str, *, json: bool = False) -> None:
    """Let a key end now; a running service refuses it within a second.

    Args:
        identifier: the key's id, as `gatecast keys list` shows it.
        json: print one object.

    Raises:
        KeyUnknown: no key has that id.
    """
    key = revoke_key(key_store(load_serving_settings()), identifier)
    if json:
        _print_json(_shown(key))
    else:
        sys.stdout.write(f"revoked {key.id} ({key.name})\n")


def rotate(identifier: str, *, hours: float = 24.0, json: bool = False) -> None:
    """Make a key like another one, which goes on beside it for some hours.

    Args:
        identifier: the id of the key that ends.
        hours: how long both work.
        json: print one object.

    Raises:
        KeyUnknown: no key has that id.
        KeyInvalid: it has ended already.
    """
    whole, key = rotate_key(key_store(load_serving_settings()), identifier, hours)
    _print_made(whole, key, json=json)


def _print_made(whole: str, key: Key, *, json: bool) -> None:
    if json:
        _print_json({**_shown(key), "key": whole})
        return
    # Alone on stdout, so that a script can take it; the rest is for people.
    sys.stdout.write(f"{whole}\n")
    scopes, expires = ", ".join(key.scopes), key.expires or "never"
    sys.stderr.write(f"id {key.id}, {scopes}, expires {expires}; it is not shown again\n")


def _shown(key: Key) -> dict[str, object]:
    """Return what may be seen of a key."""
    return {
        "id": key.id,
        "name": key.name,
        "scopes": list(key.scopes),
        "created": key.created,
        "expires": key.expires,
        "revoked": key.revoked,
        "state": "works" if key.works(datetime.now(UTC)) else "ended",
    }


def _print_json(content: dict[str, object]) -> None:
    sys.stdout.write(json_format.dumps(content, ensure_ascii=False) + "\n")
