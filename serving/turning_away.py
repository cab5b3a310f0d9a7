"""Turn forecasts away where they come in, while as many are in work as may be."""

import json
from functools import lru_cache
from typing import Final

from serving.desk import RETRY_SECONDS, Desk
from serving.draining import Draining
from serving.problems import problem_of
from serving.protocol import TimedProtocol
from serving.request_ids import RequestIds
from serving.safe_headers import CLOSE, Headers, problem_bytes

#: Whose posts are forecasts; the routes themselves look again (`AdmittedRoute`).
FORECASTS: Final = (b"/v1/forecast", b"/v2/models/")

#: How long a connection is not read after a refusal, in seconds. Whoever asks at once, against
#: `Retry-After`, would otherwise be answered eight thousand times a second, and each turn of the
#: loop would last as long as all of that: the health checks too.
PAUSE: Final = 0.185

#: Stands for each sign of an id; no id has one.
BLANK: Final = b"~"

RETRY_AFTER: Final = (b"retry-after", b"%d" % RETRY_SECONDS)


class AdmittingProtocol(TimedProtocol):
    """Answers 503 as soon as a request's head is there, without a task, a route or a body.

    In an overload nearly all requests are refused, and everybody else waits for one turn of the
    event loop: the health checks too. Through the app a refusal costs ten times as much.
    """

    #: Where forecasts are admitted; all are where it is None. Set before the server starts.
    desk: Desk | None = None

    #: Once it has begun, a refusal closes its connection: one that is not read while the server
    #: ends would lose a request.
    draining: Draining | None = None

    ids = RequestIds()

    _turned_away = False

    def on_headers_complete(self) -> None:
        """Refuse, or let the app answer."""
        if self.desk is None or self._may_come_in(self.desk):
            super().on_headers_complete()
            return
        self._turned_away, self._head_bytes = True, -1
        self.transport.write(self._answer(self.desk))

    def on_body(self, body: bytes) -> None:
        """Pass a body on, unless its request has been refused."""
        if not self._turned_away:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request; after a refused one the connection is idle."""
        if not self._turned_away:
            super().on_message_complete()
            return
        self._turned_away, self._receiving, self._head_bytes = False, False, 0
        if self.expect_100_continue or not self.parser.should_keep_alive() or self._ending():
            self.transport.close()
            return
        self.flow.pause_reading()
        self.loop.call_later(PAUSE, self._read_on)
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def _answering(self) -> bool:
        return self._turned_away or super()._answering()

    def _ending(self) -> bool:
        return self.draining is not None and self.draining.begun

    def _may_come_in(self, desk: Desk) -> bool:
        if self.parser.get_method() != b"POST" or not self.url.startswith(FORECASTS):
            return True
        # What waits behind an answer that is still to come must not overtake it.
        if self.cycle is not None and not self.cycle.response_complete:
            return True
        return desk.lets_come(self.loop)

    def _answer(self, desk: Desk) -> bytes:
        error, identifier = desk.refuse(), self.ids.of(self.headers).encode()
        form = _form(error.code, str(error), len(identifier), closing=self._ending())
        return form.replace(BLANK * len(identifier), identifier)


@lru_cache(256)
def _form(code: str, message: str, length: int, *, closing: bool) -> bytes:
    """Return a refusal, blank where its id of so many signs stands: writing each costs twice."""
    blank = BLANK * length
    body = json.dumps(problem_of(blank.decode(), 503, code, message)).encode()
    more: Headers = [RETRY_AFTER, (b"x-request-id", blank)]
    if closing:
        more.append(CLOSE)
    return problem_bytes(b"503 Service Unavailable", body, *more)
