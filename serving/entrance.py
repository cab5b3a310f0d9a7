"""Lead requests to the front at once, past what the framework would do for each of them."""

from collections.abc import Awaitable
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.front import Front


class Entrance:
    """The app, as a server calls it.

    Before the front, the framework looks for telemetry, passes each message on once more, and
    waits for errors, all of which the front has answered by then.

    Args:
        app: what begins and ends with the server.
        first: what answers its requests.
    """

    def __init__(self, app: FastAPI, first: ASGIApp) -> None:
        self.app = app
        self._first = first

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request, or begin and end with the server."""
        if scope["type"] != "http":
            return self.app(scope, receive, send)
        scope["app"] = self.app
        return self._first(scope, receive, send)


def front_of(app: FastAPI) -> Front:
    """Return the front among an app's middleware, which must hold one."""
    stack: Any = app.build_middleware_stack()
    app.middleware_stack = stack
    while not isinstance(stack, Front):
        stack = stack.app
    return stack
