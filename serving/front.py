"""Stand before every route: an id, who may ask, safe headers, a count, a line in the log."""

import logging
import time
from typing import TYPE_CHECKING, Final

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.access import Asker
from serving.keys import KEY
from serving.logs import JsonLines, request_id_now
from serving.problems import answer_error
from serving.request_ids import RequestIds
from serving.safe_headers import API_POLICY, CLOSE, NO_STORE, SAFE, Headers
from serving.shortcuts import ROUTE
from serving.whole import sent_whole

if TYPE_CHECKING:
    from serving.living import LivingParts

logger = logging.getLogger(__name__)

#: The interface's own page brings a script within itself and paints with its own styles.
DOCS_POLICY: Final = (
    b"content-security-policy",
    (
        b"default-src 'self'; script-src 'self' 'unsafe-inline'; "
        b"style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
    ),
)

#: Health checks come every second from every proxy; they are counted, not logged.
UNLOGGED: Final = ("/healthz", "/readyz", "/v2/health/", "/metrics")

#: Longest part of a path that is logged.
PATH_LOGGED: Final = 200

#: Status in the log of a request whose client went away; nothing was answered.
CLIENT_GONE: Final = 499


class Front:
    """Pure ASGI middleware, in one piece: each layer of its own costs every request.

    Args:
        app: what answers.
        parts: who may ask, what is counted, which answers need no route.
        lines: where requests are logged; nowhere when None.
    """

    def __init__(self, app: ASGIApp, *, parts: "LivingParts", lines: JsonLines | None) -> None:
        self._app = app
        self._access = parts.access
        self._metrics = parts.metrics
        self._draining = parts.draining
        self._shortcuts = parts.shortcuts
        self._posts = parts.posts
        self._lines = lines
        self._ids = RequestIds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        identifier = self._ids.of(scope["headers"])
        scope.setdefault("state", {})["request_id"] = identifier
        request_id_now.set(identifier)
        answer = _Answer(send, identifier, scope["path"], closing=self._draining.begun)
        asker: Asker | None = None
        try:
            asker = await self._access.admit(scope)
            if (known := self._shortcuts.find(scope)) is not None:
                await answer.whole(*known)
            elif self._posts.takes(scope):
                answer.short = True
                await answer.whole(*await self._posts.answer(scope, receive))
            else:
                await self._app(scope, receive, answer.send)
        except ClientDisconnect:
            answer.status = CLIENT_GONE
        except Exception as error:
            if answer.status:
                # Half an answer is out: only the end of the connection can say that it is wrong.
                logger.exception("the answer broke off")
                raise
            await answer_error(Request(scope), error)(scope, receive, answer.send)
        finally:
            self._note(scope, answer, asker, time.perf_counter() - begun)

    def _note(self, scope: Scope, answer: "_Answer", asker: Asker | None, seconds: float) -> None:
        status = answer.status
        route = ROUTE if answer.short else getattr(scope.get("route"), "path", "none")
        self._metrics.answered(route, scope["method"], status, seconds)
        path = scope["path"]
        if self._lines is None or path.startswith(UNLOGGED):
            return
        self._lines.write(
            "request",
            request_id=scope["state"]["request_id"],
            method=scope["method"],
            path=KEY.sub("gck_", path)[:PATH_LOGGED],
            route=route,
            status=status,
            ms=round(seconds * 1000, 2),
            address=asker.address if asker else None,
            key=asker.key if asker else None,
        )


class _Answer:
    """One answer on its way out: remembers its status, adds what every answer has."""

    def __init__(self, send: Send, identifier: str, path: str, *, closing: bool) -> None:
        self._send = send
        self._identifier = identifier
        self._path = path
        self._closing = closing
        self.status = 0
        self.short = False

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        """Send an answer that needed no route."""
        self.status, self.short = status, True
        ours = self._with_ours(headers)
        if not sent_whole(self._send, status, ours, body):
            await self._send({"type": "http.response.start", "status": status, "headers": ours})
            await self._send({"type": "http.response.body", "body": body})

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            # A copy: a response that is sent twice keeps its own headers as they were.
            message = {**message, "headers": self._with_ours(message["headers"])}
        await self._send(message)

    def _with_ours(self, headers: Headers) -> Headers:
        named = {name for name, _ in headers}
        ours = [*headers, (b"x-request-id", self._identifier.encode()), *SAFE]
        if b"content-security-policy" not in named:
            ours.append(DOCS_POLICY if self._path.startswith("/docs") else API_POLICY)
        if b"cache-control" not in named:
            ours.append(NO_STORE)
        if self._closing:
            ours.append(CLOSE)
        return ours
