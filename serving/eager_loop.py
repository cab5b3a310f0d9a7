"""Take in every connection that waits, each time round the event loop."""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import uvloop

#: Most connections that one turn of the loop takes in: each costs a twentieth of a millisecond.
AT_ONCE: Final = 64

#: Most connections that wait to be taken in: uvicorn's backlog.
WAITING: Final = 2048


class EagerLoop(uvloop.Loop):
    """uvloop, whose listening sockets take in one connection a turn, with a second way in.

    In an overload a turn takes tens of milliseconds and hundreds of connections wait: a health
    check that opens a new one would wait for all of them.
    """

    async def create_server(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - uvloop's own
        """Listen, as uvloop does, and read the same sockets a second time."""
        server = await super().create_server(*arguments, **options)
        return Entrances(self, arguments[0], server)


class Entrances:
    """A listening server together with the second readers of its sockets.

    Args:
        loop: where they are read.
        factory: makes a connection's protocol.
        server: uvloop's own.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        factory: Callable[[], asyncio.Protocol],
        server: Any,  # noqa: ANN401 - asyncio's own type names no sockets
    ) -> None:
        self._loop, self._factory, self._server = loop, factory, server
        self._taking: set[asyncio.Task[Any]] = set()
        # A socket may be watched once: the copy is another one for the loop, the same for TCP.
        self._copies = [socket.socket(fileno=os.dup(each.fileno())) for each in server.sockets]
        for copy in self._copies:
            copy.settimeout(0)
            loop.add_reader(copy, self._take_in, copy)

    @property
    def sockets(self) -> tuple[Any, ...]:
        """The sockets that are listened to."""
        return tuple(self._server.sockets)

    def close(self) -> None:
        """Take in who waits already, whom the end would cut off, and listen no more."""
        for copy in self._copies:
            self._take_in(copy, WAITING)
            self._loop.remove_reader(copy)
            copy.close()
        self._copies = []
        self._server.close()

    async def wait_closed(self) -> None:
        """Wait until the server has ended."""
        await self._server.wait_closed()

    def _take_in(self, copy: socket.socket, most: int = AT_ONCE) -> None:
        # Nobody waits any more, or the process has no file left: the next turn looks again.
        with suppress(OSError):
            for _ in range(most):
                connection, _ = copy.accept()
                task = self._loop.create_task(
                    self._loop.connect_accepted_socket(self._factory, connection)
                )
                self._taking.add(task)
                task.add_done_callback(self._taking.discard)
