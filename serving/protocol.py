"""Speak HTTP with deadlines: who does not send a request in time, or does not read, is cut off."""

import asyncio
import json
import sys
from contextlib import suppress
from fcntl import ioctl
from termios import TIOCOUTQ
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serving.one_write import OneWrite
from serving.reading import TIMED
from serving.safe_headers import CLOSE, problem_bytes

#: Most bytes of a request's line and headers; the parser itself would take any number.
HEAD_BYTES: Final = 64 * 1024

#: How long a client that reads nothing keeps a connection that is being closed, in seconds.
LINGER_SECONDS: Final = 5.0

#: What a client must read of an answer that waits for it, in bytes a second: the slowest mobile
#: network does. An answer that nobody reads holds a place among the forecasts, and its memory.
READ_RATE: Final = 4096


class TimedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which has no read time-out, with one for each request.

    The time runs while a request has not arrived whole: from the connection on, and again from
    the first byte of each further request. A connection that is idle between two requests is
    uvicorn's own matter (`timeout_keep_alive`). A client that leaves its answers unread has the
    same time to begin.
    """

    #: Time in which a request must have arrived, in seconds; set before the server starts.
    request_seconds: float = 20.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(OneWrite(transport, self.loop))
        self._receiving = False
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._reader: asyncio.TimerHandle | None = None
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._rest()
        self._rest_reader()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take some bytes; wait on only where a request has begun and has not ended."""
        in_head = self._head_bytes >= 0
        super().data_received(data)
        if self.transport.is_closing():
            return
        if not self._receiving:
            self._rest()
        elif self._deadline is None:
            self._wait()
        if in_head and self._head_bytes >= 0 and self._receiving:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse(431, "Request Header Fields Too Large", "HEADERS_TOO_LARGE")

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        super().on_message_begin()
        self.scope["extensions"] = {TIMED: {}}
        self._receiving, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """Note that what comes now is a body: the app limits that."""
        self._head_bytes = -1
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        super().on_message_complete()
        self._receiving, self._head_bytes = False, 0

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP in the form of all other refusals."""
        self._refuse(400, "Bad Request", "HTTP_INVALID", msg)

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection; drop it where its client does not read the rest."""
        super().timeout_keep_alive_handler()
        self._watch_reader(LINGER_SECONDS)

    def pause_writing(self) -> None:
        """Begin to wait for the client to read what has been answered."""
        super().pause_writing()
        self._watch_reader(self.request_seconds)

    def resume_writing(self) -> None:
        """Stop waiting: nearly all has been read."""
        if not self.transport.is_closing():
            self._rest_reader()
        super().resume_writing()

    def _watch_reader(self, seconds: float) -> None:
        """Drop the connection unless, by then, its client has read on at the least rate."""
        self._rest_reader()
        self._reader = self.loop.call_later(seconds, self._judge_reader, self._unread(), seconds)

    def _judge_reader(self, before: int, seconds: float) -> None:
        if before - self._unread() < READ_RATE * seconds:
            self.transport.abort()
        else:
            self._watch_reader(seconds)

    def _unread(self) -> int:
        """Return how many bytes the client's end has not taken: ours, and the kernel's of them."""
        held = bytearray(4)
        connection = self.transport.get_extra_info("socket")
        # A closed one holds nothing; a system that does not count leaves our own share.
        with suppress(OSError, ValueError):
            ioctl(connection.fileno(), TIOCOUTQ, held)
        return self.transport.get_write_buffer_size() + int.from_bytes(held, sys.byteorder)

    def _rest_reader(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(self.request_seconds, self._cut)

    def _rest(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut(self) -> None:
        if self.transport.is_closing():
            return
        if self.pipeline:
            # Not the client is late: nothing is read until the answer before is out.
            self._wait()
            return
        # Told here: the app's own deadline begins later, and a closed connection tells nothing.
        message = f"the request was not whole within {self.request_seconds:g} s"
        self._refuse(408, "Request Timeout", "REQUEST_TIMEOUT", message)

    def _refuse(self, status: int, phrase: str, code: str, detail: str = "") -> None:
        """Close, and write a problem past the app before that where no answer is under way."""
        if not self._answering():
            self.transport.write(self._problem(status, phrase, code, detail))
        self._rest()
        self.transport.close()
        self._watch_reader(LINGER_SECONDS)

    def _answering(self) -> bool:
        """Whether what is written now would be taken for an answer that is to come, or break it.

        That of an earlier request, or one that the app has begun before the body was whole.
        """
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return False
        return bool(self.pipeline) or cycle.response_started or not cycle.more_body

    def _problem(self, status: int, phrase: str, code: str, detail: str) -> bytes:
        problem = {
            "type": f"urn:gatecast:problem:{code.lower().replace('_', '-')}",
            "title": code.replace("_", " ").capitalize(),
            "status": status,
            "detail": detail or phrase,
            "code": code,
            "errors": [],
        }
        return problem_bytes(f"{status} {phrase}".encode(), json.dumps(problem).encode(), CLOSE)
