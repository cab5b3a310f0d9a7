"""Turn a forecast away before anything of it is read, when too many are in work."""

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from serving.living import read_body


class AdmittedRoute(APIRoute):
    """A route whose requests take a place at the forecasts' desk for as long as they last."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse at once.

        Raises:
            Overloaded: no place is free.
        """
        with scope["app"].state.parts.forecasts.taken():
            await super().handle(scope, receive, send)


class PostedRoute(AdmittedRoute):
    """An admitted route that takes a body and the living parts, and nothing else.

    FastAPI's own way to an endpoint resolves dependencies, opens two exit stacks and asks for a
    response model each time: a sixth of a forecast, to come to the same two arguments.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, ask the endpoint, and send what it returns; raises as they do."""
        if scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)
            return
        parts = scope["app"].state.parts
        with parts.forecasts.taken():
            body = await read_body(Request(scope, receive), parts)
            response = await self.endpoint(body, parts)
            await response(scope, receive, send)
