"""Turn a forecast away before anything of it is read, when too many are in work."""

from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send


class AdmittedRoute(APIRoute):
    """A route whose requests take a place at the forecasts' desk for as long as they last."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse at once.

        Raises:
            Overloaded: no place is free.
        """
        with scope["app"].state.parts.forecasts.taken():
            await super().handle(scope, receive, send)
