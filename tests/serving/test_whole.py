"""An answer that is known whole is on the wire what the server would have sent."""

import re
import socket
import threading
from contextlib import closing

import pytest
import uvicorn

from serving.protocol import TimedProtocol
from serving.whole import CLOSE, sent_whole

HEADERS = [(b"content-length", b"4"), (b"content-type", b"text/plain"), (b"x-request-id", b"7")]
FAST, USUAL = [], []


async def app(scope, _receive, send):
    """Answer in the way, and with the status, that the path names."""
    _, way, kind = scope["path"].split("/")
    headers = HEADERS + [CLOSE] * (kind == "end")
    status, body = (304, b"") if kind == "known" else (200, b"body")
    if kind == "known":
        headers = headers[1:]
    if way == "whole":
        FAST.append(sent_whole(send, status, headers, body))
        return

    async def between(message):
        await send(message)

    USUAL.append(sent_whole(between, status, headers, body))
    await between({"type": "http.response.start", "status": status, "headers": headers})
    await between({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def address():
    """Where the app is served as `gatecast serve` does."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=TimedProtocol, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield listener.getsockname()
    server.should_exit = True
    thread.join(20)


def request(way, kind, version=b"1.1", extra=b""):
    path = f"/{way}/{kind}".encode()
    return b"GET %b HTTP/%b\r\nHost: localhost\r\n%b\r\n" % (path, version, extra)


def said(address, *requests):
    """Send requests, then one that ends the connection, and read to its end; without dates."""
    with closing(socket.create_connection(address, timeout=20)) as connection:
        connection.sendall(b"".join(requests) + request("usual", "end"))
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return re.sub(rb"date: [^\r]+", b"date", b"".join(parts))


@pytest.mark.parametrize("kind", ["plain", "end", "known"])
@pytest.mark.parametrize("extra", [b"", b"Connection: close\r\n", b"Connection: keep-alive\r\n"])
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_both_ways_send_the_same_bytes(address, kind, extra, version):
    whole = said(address, request("whole", kind, version, extra))
    usual = said(address, request("usual", kind, version, extra))

    assert whole == usual
    assert whole.startswith(b"HTTP/1.1 304" if kind == "known" else b"HTTP/1.1 200")
    assert FAST
    assert all(FAST)
    assert not any(USUAL)


def test_requests_one_behind_the_other_are_answered_in_their_order(address):
    several = [("whole", "plain"), ("usual", "plain"), ("whole", "known"), ("whole", "plain")]

    answers = said(address, *(request(*each) for each in several))

    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"200", b"304", b"200", b"200"]
    assert answers.count(b"connection: close") == 1
