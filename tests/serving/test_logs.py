"""The log: a JSON object a line, with the request's id, and no request waits for its reader."""

import io
import json
import logging
import threading

import pytest

from serving import logs
from serving.logs import JsonLines, RecordLines, request_id_now


@pytest.fixture
def stream():
    return io.StringIO()


def lines_of(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_lines_are_written_in_order_when_the_log_ends(stream):
    lines = JsonLines(stream)
    lines.start()

    for number in range(100):
        lines.write("tick", number=number)
    lines.stop()

    assert [line["number"] for line in lines_of(stream)] == list(range(100))


def test_a_line_is_one_line_for_every_reader_whatever_it_says(stream):
    lines = JsonLines(stream)
    said = {"path": "a\u2028b\x85c", "broken": "\ud800", "large": 2**70}
    lines.start()

    lines.write("request", **said)
    lines.stop()

    written = stream.getvalue()
    assert written.isascii()
    assert len(written.splitlines()) == 1
    assert said.items() <= json.loads(written).items()


def test_a_record_of_python_s_logging_has_its_request_s_id_and_its_traceback(stream):
    lines = JsonLines(stream)
    logger = logging.getLogger("tests.logs")
    logger.handlers, logger.propagate = [RecordLines(lines)], False
    token = request_id_now.set("abc")

    try:
        _ = 1 / 0
    except ZeroDivisionError:
        logger.exception("it broke\nhere")
    request_id_now.reset(token)
    lines.start()
    lines.stop()

    (line,) = lines_of(stream)
    assert (line["message"], line["request_id"]) == ("it broke\nhere", "abc")
    assert "ZeroDivisionError" in line["traceback"]


def test_a_reader_that_stalls_holds_nobody_up_and_what_is_dropped_is_counted(monkeypatch):
    go_on = threading.Event()

    class Stalled(io.StringIO):
        def write(self, text):
            go_on.wait(20)
            return super().write(text)

    monkeypatch.setattr(logs, "LINES_KEPT", 50)
    stream = Stalled()
    lines = JsonLines(stream)
    lines.start()

    for number in range(5000):  # returns although nothing can be written
        lines.write("tick", number=number)
    go_on.set()
    lines.stop()

    written = lines_of(stream)
    dropped = sum(line.get("dropped", 0) for line in written)
    assert dropped > 0
    assert len([line for line in written if line["event"] == "tick"]) + dropped == 5000


def test_a_closed_stream_does_not_end_the_program(stream):
    lines = JsonLines(stream)
    stream.close()
    lines.start()

    lines.write("tick")
    lines.stop()

    assert not lines._thread.is_alive()
