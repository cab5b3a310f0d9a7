"""Give every request an id, taken from the client where it is fit to be logged."""

import re
import secrets

from starlette.types import ASGIApp, Message, Receive, Scope, Send

FIT = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class RequestIds:
    """Pure ASGI middleware: the id is in the request's state and in `X-Request-Id`.

    Args:
        app: what answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request under its id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identifier = request_id(scope["headers"])
        scope.setdefault("state", {})["request_id"] = identifier

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                # A copy: a response that is sent twice keeps its own headers as they were.
                named = [*message["headers"], (b"x-request-id", identifier.encode())]
                message = {**message, "headers": named}
            await send(message)

        await self._app(scope, receive, send_with_id)


def request_id(headers: list[tuple[bytes, bytes]]) -> str:
    """Return the client's `X-Request-Id` if it is plain and short, else a new one."""
    for name, value in headers:
        if name == b"x-request-id" and FIT.fullmatch(value):
            return value.decode()
    return secrets.token_hex(8)
