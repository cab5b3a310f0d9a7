"""A body is read up to a size and a time (S8), unless the server watches the time itself."""

import asyncio

import pytest

from serving.reading import TIMED, BodyLimits, read_at_most
from serving.refusals import BodyTooLarge, BodyTooSlow

LIMITS = BodyLimits(size=8, seconds=0.05)


def read(*parts, seconds=0.0, **scope):
    """Read a body that comes in parts, each after so many seconds."""
    waiting = list(parts)

    async def receive():
        await asyncio.sleep(seconds)
        part = waiting.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(waiting)}

    return asyncio.run(read_at_most({"headers": [], **scope}, receive, LIMITS))


def test_a_body_is_put_together():
    assert read(b"ha", b"lf") == b"half"


def test_a_body_that_comes_too_slowly_is_refused():
    with pytest.raises(BodyTooSlow):
        read(b"half", seconds=5)


def test_where_the_server_watches_the_time_nobody_else_does():
    assert read(b"ha", b"lf", seconds=0.1, extensions={TIMED: {}}) == b"half"


@pytest.mark.parametrize("scope", [{}, {"extensions": {TIMED: {}}}])
def test_a_body_is_too_large_by_what_it_says_or_by_what_comes(scope):
    with pytest.raises(BodyTooLarge):
        read(b"", **{**scope, "headers": [(b"content-length", b"9")]})
    with pytest.raises(BodyTooLarge):
        read(b"five!", b"five!", **scope)
