"""Write the log as one JSON object a line, and never let a slow reader of it hold a request up."""

import json
import logging
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import orjson

#: The id of the request that is being answered; empty outside of one.
request_id_now: ContextVar[str] = ContextVar("request_id", default="")

#: Lines that wait at most; further ones are dropped and counted when nobody reads the log.
LINES_KEPT: Final = 10_000

#: Time between two writes, in seconds.
PAUSE: Final = 0.1

#: Whose records are written: our own and the server's.
LOGGERS: Final = ("serving", "forecasting", "uvicorn.error")


class JsonLines:
    """Takes lines without waiting; a thread of its own puts them into words and writes them.

    Args:
        stream: where to; stderr when None.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._waiting: deque[tuple[float, dict[str, object]]] = deque()
        self._dropped = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    def start(self) -> None:
        """Begin to write and return at once."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is left, as far as it is taken within a second."""
        self._stop.set()
        self._thread.join(1.0)

    def write(self, event: str, level: str = "info", **fields: object) -> None:
        """Add a line. JSON escapes control characters: nobody can forge a second one."""
        if len(self._waiting) >= LINES_KEPT:
            self._dropped += 1
            return
        self._waiting.append((time.time(), {"level": level, "event": event, **fields}))
        if self._stop.is_set():
            # The process' last words come after the thread's end.
            self._flush()

    def _run(self) -> None:
        while not self._stop.wait(PAUSE):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        lines: list[str] = []
        while len(lines) < LINES_KEPT:
            try:
                moment, fields = self._waiting.popleft()
            except IndexError:  # two may take at once when the log ends
                break
            lines.append(_written(moment, fields))
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            lines.append(json.dumps({"level": "warning", "event": "log", "dropped": dropped}))
        if lines:
            # A closed stream is no reason to stop serving.
            with suppress(OSError, ValueError):
                self._stream.write("\n".join(lines) + "\n")
                self._stream.flush()


def _written(moment: float, fields: dict[str, object]) -> str:
    """Return a line in ASCII alone: some readers begin a new one at other signs too."""
    begun = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    line = {"time": begun, **fields}
    try:
        fast = orjson.dumps(line, default=str)
    except TypeError:
        # A lone surrogate, or a number beyond 64 bits.
        fast = b"\xff"
    return fast.decode() if fast.isascii() else json.dumps(line, default=str)


class RecordLines(logging.Handler):
    """Gives the records of Python's logging to the JSON log, with the id of their request.

    Args:
        lines: the log.
    """

    def __init__(self, lines: JsonLines) -> None:
        super().__init__(logging.INFO)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Add one record; a traceback becomes a field."""
        fields: dict[str, Any] = {"logger": record.name, "message": record.getMessage()}
        if identifier := request_id_now.get():
            fields["request_id"] = identifier
        if record.exc_info:
            fields["traceback"] = logging.Formatter().formatException(record.exc_info)
        self._lines.write("log", record.levelname.lower(), **fields)


def log_as_json(lines: JsonLines) -> None:
    """Send the records of this program and of its server to the JSON log, and nowhere else."""
    handler = RecordLines(lines)
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False
