"""Slow clients are cut off by a deadline (S8), and what is no HTTP is a problem like any other."""

import asyncio
import json
import math
import re
import socket
import threading
import time
from contextlib import suppress

import pytest
import uvicorn

from serving.protocol import HEAD_BYTES, TimedProtocol
from serving.reading import TIMED

#: Short, so that the tests need not wait; long enough for a busy machine to send a few bytes.
SECONDS = 0.5

#: More than all buffers between the two ends hold.
LARGE = 8 * 2**20

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Quick(TimedProtocol):
    request_seconds = SECONDS


async def app(scope, receive, send):
    """Read the whole body, then answer how long it was."""
    size = 0
    if scope["path"] == "/slow":
        await asyncio.sleep(SECONDS * 3)
    if scope["path"] != "/unread":
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size += len(message.get("body", b""))
            if not message.get("more_body"):
                break
    said = {"timed": TIMED in scope["extensions"]} if scope["path"] == "/timed" else {"size": size}
    body = json.dumps(said).encode()
    if scope["path"] == "/large":
        body = body.ljust(LARGE)
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def address():
    """Where a server with a short deadline listens."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=Quick, lifespan="off", log_config=None, timeout_keep_alive=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield listener.getsockname()
    server.should_exit = True
    thread.join(20)


def read_all(connection):
    """Read until the other side ends the connection."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def problem_of(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert b"x-frame-options: DENY" in head
    return int(head.split(b" ")[1]), json.loads(body)["code"]


@pytest.fixture
def connection(address):
    with socket.create_connection(address, timeout=20) as connection:
        yield connection


def test_a_connection_that_asks_nothing_is_ended(connection):
    assert problem_of(read_all(connection)) == (408, "REQUEST_TIMEOUT")


def test_half_a_head_is_ended(connection):
    connection.sendall(REQUEST[:20])

    assert problem_of(read_all(connection)) == (408, "REQUEST_TIMEOUT")


def test_a_head_that_trickles_is_ended_all_the_same(connection):
    begun = time.monotonic()
    answer = b""
    try:
        for byte in REQUEST[:-1] * 50:
            connection.sendall(bytes([byte]))
            time.sleep(SECONDS / 20)
    except OSError:
        answer = b"ended"
    answer += read_all(connection) if not answer else b""

    assert answer
    assert time.monotonic() - begun < 15  # 1750 bytes would have taken 40 s


def test_half_a_body_is_ended(connection):
    connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf")

    assert problem_of(read_all(connection)) == (408, "REQUEST_TIMEOUT")


def test_the_app_is_told_that_the_time_is_watched(connection):
    connection.sendall(REQUEST.replace(b"GET /", b"GET /timed"))

    assert b'{"timed": true}' in connection.recv(65536)


def test_a_body_that_nobody_reads_and_nobody_sends_is_ended(connection):
    connection.sendall(b"POST /unread HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")

    assert b'{"size": 0}' in read_all(connection)


def test_a_second_request_that_stops_half_way_is_ended(connection):
    connection.sendall(REQUEST)
    assert b"200" in connection.recv(65536)
    connection.sendall(REQUEST[:10])

    assert problem_of(read_all(connection)) == (408, "REQUEST_TIMEOUT")


def test_whoever_sends_in_time_is_answered_as_often_as_he_asks(connection):
    for _ in range(5):
        connection.sendall(REQUEST[:15])
        time.sleep(SECONDS / 10)
        connection.sendall(REQUEST[15:])

        assert b'{"size": 0}' in connection.recv(65536)
        time.sleep(SECONDS / 2)  # idle between two requests: no deadline of ours


SLOW = b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\n"


def test_a_request_behind_a_slow_answer_is_not_late_as_long_as_it_is_not_read(connection):
    connection.sendall(SLOW + POST + b"half")
    # In time, and after the server has stopped to read.
    time.sleep(SECONDS / 2)
    connection.sendall(b"half")

    answers = b""
    while answers.count(b'{"size"') < 2:
        part = connection.recv(65536)
        assert part, answers
        answers += part

    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"200"]
    assert answers.endswith(b'{"size": 8}')


def test_what_is_no_http_behind_a_request_is_not_taken_for_its_answer(connection):
    connection.sendall(SLOW + b"\x16\x03\x01 this is TLS\r\n\r\n")

    assert read_all(connection) == b""


def test_a_body_in_pieces_that_comes_in_time_is_read_whole(connection):
    connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\nhalf")
    time.sleep(SECONDS / 4)
    connection.sendall(b"half")

    assert b'{"size": 8}' in connection.recv(65536)


def test_a_head_without_end_is_refused_at_the_limit(connection):
    connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
    try:
        for number in range(HEAD_BYTES // 1000 + 20):
            connection.sendall(b"x-%d: " % number + b"a" * 1000 + b"\r\n")
    except OSError:
        pass

    assert problem_of(connection.recv(65536)) == (431, "HEADERS_TOO_LARGE")


def test_what_is_no_http_is_a_problem(connection):
    connection.sendall(b"\x16\x03\x01 this is TLS\r\n\r\n")

    assert problem_of(read_all(connection)) == (400, "HTTP_INVALID")


def test_a_large_body_is_no_large_head(connection):
    size = 4 * HEAD_BYTES
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size
    connection.sendall(head + b"a" * size)

    assert f'{{"size": {size}}}'.encode() in connection.recv(65536)


@pytest.fixture
def small_window(address):
    """A connection whose client takes little at a time."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**14)
        connection.settimeout(10)
        connection.connect(address)
        yield connection


def taken(connection, most=math.inf):
    """Read until the end, or so many bytes; returns how many came."""
    size = 0
    with suppress(ConnectionResetError):
        while size < most and (piece := connection.recv(2**16)):
            size += len(piece)
    return size


def test_a_client_that_reads_nothing_is_dropped(small_window):
    small_window.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2)
    # The kernel's buffers count as the client's for one time; the next one passes in vain.
    time.sleep(SECONDS * 4)

    assert taken(small_window) < LARGE


def test_a_client_that_reads_slowly_has_its_answer_whole(small_window):
    small_window.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    size = 0
    for _ in range(7):
        time.sleep(SECONDS / 4)
        size += taken(small_window, 2**20)

    assert size + taken(small_window) > LARGE
