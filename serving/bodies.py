"""Read a body as strict JSON and say where it is wrong without repeating it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import orjson

from serving.refusals import BodyUnreadable, Fault

#: Most keys of one object; nothing this service reads has more, and each costs an error entry.
KEYS: Final = 64

#: Most lists and objects of one body, and most commas: twenty thousand steps of seven variables.
#: Counting takes a millisecond; parsing two megabytes of `[],[],…` stalls all threads for 160.
BRACKETS: Final = 128
COMMAS: Final = 160_000

PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class _Flaw:
    """Stands in the parsed tree where something cannot be accepted."""

    message: str
    key: str | None = None


class _Reader:
    """The hooks of one parse; remembers whether any of them refused something."""

    def __init__(self) -> None:
        self.flawed = False

    def flaw(self, message: str, key: str | None = None) -> _Flaw:
        self.flawed = True
        return _Flaw(message, key)

    def unite(self, pairs: list[tuple[str, object]]) -> dict[str, object] | _Flaw:
        if len(pairs) > KEYS:
            return self.flaw(f"an object may have at most {KEYS} keys")
        united = dict(pairs)
        keys = [key for key, _ in pairs]
        if len(united) < len(pairs):
            repeated = next(key for key in keys if keys.count(key) > 1)
            return self.flaw("the key stands here twice", repeated)
        # A lone surrogate is not printable either, and cannot be encoded.
        unprintable = next((key for key in keys if not key.isprintable()), None)
        if unprintable is not None:
            return self.flaw("the key cannot be printed", unprintable)
        return united

    def refuse_constant(self, name: str) -> _Flaw:
        return self.flaw(f"{name} is not JSON; write null for a gap")

    def whole_number(self, digits: str) -> int | _Flaw:
        try:
            return int(digits)
        except ValueError:
            return self.flaw("the number has too many digits")


def parse_json(body: bytes, *, brackets: int = BRACKETS) -> object:
    """Parse a body, refusing what JSON's own rules leave open.

    Args:
        body: UTF-8 bytes.
        brackets: most lists and objects that it may have.

    Raises:
        BodyUnreadable: not UTF-8, not JSON, nested too deeply, too many values, a NaN or
            infinity constant, a key twice in one object, or keys that are too many or not
            printable; names the paths.
    """
    objects = body.count(b"{")
    many = len(body) > COMMAS and body.count(b",") > COMMAS
    if many or body.count(b"[") + objects > brackets:
        raise _unreadable("nested too deeply, or too many values")
    if (plain := _plain(body, objects)) is not _NOT_PLAIN:
        return plain
    reader = _Reader()
    try:
        parsed = _load(body.decode(), reader)
    except RecursionError as error:
        raise _unreadable("nested too deeply, or too many values") from error
    except UnicodeDecodeError as error:
        raise _unreadable(f"the body must be UTF-8; byte {error.start} is not") from error
    except json.JSONDecodeError as error:
        raise _unreadable(f"not JSON at line {error.lineno}, column {error.colno}") from error
    if reader.flawed:
        raise BodyUnreadable("the body is not strict JSON", _faults(parsed))
    return parsed


#: Says that a body has to be read with care; no JSON is this object.
_NOT_PLAIN: Final = object()

#: Makes every digit a nought, and as many as only a number beyond 64 bits has: the fast parser
#: rounds it. To look for them by a pattern costs fifty times as much.
NOUGHTS: Final = bytes.maketrans(b"123456789", b"0" * 9)
LONG: Final = b"0" * 19


def _plain(body: bytes, objects: int) -> object:
    """Parse a body that can hold nothing to refuse, ten times as fast as with care.

    Of a key that stands twice this parser keeps one, and behind each of them stands a colon: so
    where as many keys came out as colons went in, none did. Where text holds colons as well, as
    the hours of a label do, as many quotation marks went in as would come out again. Whatever is
    wrong, or only unusual, is read with care, which also says where it is.

    Args:
        body: what is parsed.
        objects: how many opening braces it has.
    """
    if b"\\" in body or LONG in body.translate(NOUGHTS):
        return _NOT_PLAIN
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _NOT_PLAIN
    keys = 0
    for each in _objects(parsed, objects):
        if len(each) > KEYS or not "".join(each).isprintable():
            return _NOT_PLAIN
        keys += len(each)
    once = keys == body.count(b":") or orjson.dumps(parsed).count(b'"') == body.count(b'"')
    return parsed if once else _NOT_PLAIN


def _objects(parsed: object, most: int) -> Iterator[dict[str, object]]:
    """Yield every object of a parsed tree; there are at most so many, then nothing is left."""
    waiting, found = [parsed], 0
    while waiting and found < most:
        value = waiting.pop()
        if isinstance(value, dict):
            found += 1
            yield value
            waiting.extend(value.values())
        elif isinstance(value, list) and value:
            waiting.extend(value)


def shown_key(key: str) -> str:
    """Return the key as an error may name it: plain words as they are, anything else as `?`."""
    return key if PLAIN_KEY.fullmatch(key) else "?"


def _load(text: str, reader: _Reader) -> object:
    hooks = {"object_pairs_hook": reader.unite, "parse_constant": reader.refuse_constant}
    try:
        return json.loads(text, **hooks)  # type: ignore[arg-type]
    except json.JSONDecodeError:
        raise
    except ValueError:
        # Only an integer beyond Python's digit limit comes here. A hook for every integer
        # would slow every request, so the place is looked for in a second parse.
        return json.loads(text, parse_int=reader.whole_number, **hooks)  # type: ignore[arg-type]


def _unreadable(message: str) -> BodyUnreadable:
    return BodyUnreadable(message, [Fault(path="$", message=message)])


def _faults(parsed: object) -> Iterator[Fault]:
    """Yield the flaws of the parsed tree, without recursion: the tree may be deep."""
    waiting: list[tuple[str, object]] = [("$", parsed)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, _Flaw):
            where = path if value.key is None else f"{path}.{shown_key(value.key)}"
            yield Fault(path=where, message=value.message)
        elif isinstance(value, dict):
            waiting.extend((f"{path}.{shown_key(key)}", below) for key, below in value.items())
        elif isinstance(value, list):
            waiting.extend((f"{path}[{position}]", below) for position, below in enumerate(value))
