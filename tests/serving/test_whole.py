"""An answer that is known whole is on the wire what the server would have sent."""

import re
import socket
import threading
from contextlib import closing

import pytest
import uvicorn

from serving.protocol import TimedProtocol
from serving.safe_headers import CLOSE
from serving.whole import sent_whole

#: More than all buffers between the two ends hold.
LARGE = 8 * 2**20

HEADERS = [(b"content-length", b"4"), (b"content-type", b"text/plain"), (b"x-request-id", b"7")]
FAST, USUAL = [], []
LEFT = threading.Event()


class Served(TimedProtocol):
    """Whether the server writes an access log is said here; `gatecast serve` has it write none.

    uvicorn asks whether anybody takes its records, and in a test pytest does.
    """

    logs = False

    def connection_made(self, transport):
        super().connection_made(transport)
        self.access_log = self.logs


#: Status, headers and body by the last word of the path.
ANSWERS = {
    "known": (304, HEADERS[1:], b""),
    "end": (200, [*HEADERS, CLOSE], b"body"),
    "large": (200, [(b"content-length", b"%d" % LARGE), *HEADERS[1:]], bytes(LARGE)),
}


async def app(scope, receive, send):
    """Answer in the way, and with the status, that the path names."""
    _, way, kind = scope["path"].split("/")
    status, headers, body = ANSWERS.get(kind, (200, HEADERS, b"body"))
    while kind == "left" and (await receive())["type"] != "http.disconnect":
        pass
    if way == "whole":
        FAST.append(sent_whole(send, status, headers, body))
        if kind == "left":
            LEFT.set()
        if FAST[-1]:
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
    config = uvicorn.Config(app, http=Served, lifespan="off", log_config=None)
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


def test_an_answer_to_a_client_that_reads_slowly_goes_the_usual_way(address):
    FAST.clear()

    answers = said(address, request("whole", "large") * 2)

    assert FAST == [True, False]
    assert len(answers) > 2 * LARGE


def test_a_client_that_has_left_needs_no_answer(address):
    FAST.clear()
    with closing(socket.create_connection(address, timeout=20)) as connection:
        connection.sendall(request("whole", "left"))

    assert LEFT.wait(20)
    assert FAST == [True]


def test_a_server_that_writes_an_access_log_of_its_own_writes_it_for_each_answer(
    address, caplog, monkeypatch
):
    FAST.clear()
    monkeypatch.setattr(Served, "logs", True)

    with caplog.at_level("INFO", logger="uvicorn.access"):
        said(address, request("whole", "plain"))

    assert FAST == [False]
    assert "GET /whole/plain" in caplog.text
