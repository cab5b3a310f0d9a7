"""Send an answer's head and its body in one piece."""

import asyncio
from typing import Any


class OneWrite(asyncio.Transport):
    """A transport that keeps an answer's head until what follows it, or to the end of the turn.

    uvicorn writes the head and the body by themselves. Each write is a call of the system, and a
    packet that wakes the client: two of them were a quarter of the event loop's time for a
    posted forecast.

    Args:
        transport: what is written to.
        loop: where its turns end.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._head = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write, behind the head that waits; a head alone waits."""
        if self._head:
            data, self._head = b"".join((self._head, data)), b""
        elif isinstance(data, bytes) and is_head(data):
            self._head = data
            self._loop.call_soon(self._send_head)
            return
        self._transport.write(data)

    def close(self) -> None:
        """Send what waits, and close."""
        self._send_head()
        self._transport.close()

    def abort(self) -> None:
        """Close, whatever waits."""
        self._head = b""
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it closes or is closed."""
        return self._transport.is_closing()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait."""
        return len(self._head) + self._transport.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - asyncio's own
        """Return what the transport knows of its connection."""
        return self._transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection to another protocol."""
        self._transport.set_protocol(protocol)

    def pause_reading(self) -> None:
        """Read no more for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._transport.resume_reading()

    def _send_head(self) -> None:
        head, self._head = self._head, b""
        if head and not self._transport.is_closing():
            self._transport.write(head)


def is_head(data: bytes) -> bool:
    r"""Whether bytes are an answer's status and headers, and nothing after them.

    >>> is_head(b"HTTP/1.1 200 OK\r\n\r\n"), is_head(b"HTTP/1.1 200 OK\r\n\r\n{}")
    (True, False)
    """
    return data.startswith(b"HTTP/1.1 ") and data.endswith(b"\r\n\r\n")
