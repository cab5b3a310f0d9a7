"""Send an answer that is known whole in one piece, without asking each header what it is."""

from starlette.types import Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from serving.safe_headers import CLOSE, Headers


def sent_whole(send: Send, status: int, headers: Headers, body: bytes) -> bool:
    """Send an answer and return True, or return False where it has to go the usual way.

    uvicorn looks at every header of every answer: whether it is one, how long the body will be,
    whether the connection ends. Our own say so by themselves; to be asked was half of what sending
    an answer cost. Anything between the server and us, such as traces, a client that reads
    slowly, and a server with an access log of its own leave it to the usual way.

    Args:
        send: as the server calls its app with.
        status: of an answer to another method than HEAD.
        headers: checked ones in lower case, with the body's length where there may be a body.
        body: all of it.
    """
    cycle = getattr(send, "__self__", None)
    if not isinstance(cycle, RequestResponseCycle) or cycle.flow.write_paused or cycle.access_log:
        return False
    if cycle.disconnected:
        return True
    cycle.response_started, cycle.waiting_for_100_continue = True, False
    closing = CLOSE in headers
    if not cycle.keep_alive and not closing:
        headers = [*headers, CLOSE]
    cycle.keep_alive = cycle.keep_alive and not closing
    lines = [b"%b: %b\r\n" % pair for pair in (*cycle.default_headers, *headers)]
    cycle.transport.write(b"".join((STATUS_LINE[status], *lines, b"\r\n", body)))
    if not body:
        # A head alone would wait for its body (`serving.one_write`).
        cycle.transport.write(b"")
    cycle.response_complete = True
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True
