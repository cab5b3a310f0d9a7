"""Read a request's body as it arrives, up to a limit in bytes and in seconds."""

import asyncio
from dataclasses import dataclass
from typing import Final, Self

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from serving.refusals import BodyTooLarge, BodyTooSlow
from serving.settings import ServingSettings

#: A server that cuts off itself who does not send a request in time names this extension in the
#: scope (`serving.protocol`): to watch the time twice is a twentieth of a posted forecast.
TIMED: Final = "gatecast.timed"


@dataclass(frozen=True, kw_only=True)
class BodyLimits:
    """Most bytes of a body, and the longest that it may take, in seconds."""

    size: int
    seconds: float

    @classmethod
    def of(cls, settings: ServingSettings) -> Self:
        """Return what the settings say."""
        return cls(size=settings.body_bytes, seconds=settings.request_seconds)


async def read_at_most(scope: Scope, receive: Receive, limits: BodyLimits) -> bytes:
    """Read a request's body.

    Raises:
        BodyTooLarge: the declared or the received size is over the limit.
        BodyTooSlow: it did not arrive in time.
        ClientDisconnect: the client went away, or was cut off.
    """
    if _declared(scope) > limits.size:
        raise _too_large(limits)
    if TIMED in scope.get("extensions", ()):
        return await _read(receive, limits)
    try:
        async with asyncio.timeout(limits.seconds):
            return await _read(receive, limits)
    except TimeoutError as error:
        expected = f"within {limits.seconds:g} s"
        raise BodyTooSlow("the body came too slowly", expected=expected) from error


async def _read(receive: Receive, limits: BodyLimits) -> bytes:
    received = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        received += message.get("body", b"")
        if len(received) > limits.size:
            raise _too_large(limits)
        more = message.get("more_body", False)
    return bytes(received)


def _declared(scope: Scope) -> int:
    """Return the size that a request declares, 0 where it declares none that can be read."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def _too_large(limits: BodyLimits) -> BodyTooLarge:
    return BodyTooLarge("the body is too large", expected=f"at most {limits.size} bytes")
