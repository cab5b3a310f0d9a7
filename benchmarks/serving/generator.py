"""Send a load from Python, request by request on each connection, and time every answer.

As a program it reads one load as JSON on standard input and prints what it measured, so that
neither the event loop of a server nor that of its caller is in the times.
"""

import asyncio
import itertools
import json
import subprocess  # our own interpreter, this module
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, cast

import httptools
import uvloop

from benchmarks.serving.load import ROOT, Load, LoadFailed, Measured, percentile

#: Longest wait for what is on its way when the time is over.
LAST_SECONDS = 30.0

#: Status of a connection that broke before its answer was whole.
BROKEN = 0


@dataclass(frozen=True)
class Answer:
    """One answer: its status, and the seconds from the request's last byte on."""

    status: int
    seconds: float


#: Sees each answer: what was asked, what `before` said then, the status, and the body.
Taster = Callable[[Any, int, bytes], None]


@dataclass(kw_only=True)
class Drive:
    """One load on its way: what is asked next, what is answered, until when.

    `before` is called as a request is sent, and `taste` with what it said once it is answered.
    """

    requests: Iterator[bytes]
    until: float
    answers: list[Answer]
    before: Callable[[], Any] = lambda: None
    taste: Taster | None = None


class Asker(asyncio.Protocol):
    """One connection: asks, waits for the whole answer, asks again."""

    def __init__(self, drive: Drive) -> None:
        self._drive = drive
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask at once."""
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def _ask(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._said = self._drive.before()
        self._asked = time.perf_counter()
        self._waiting = True
        self._transport.write(next(self._drive.requests))

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._parser.feed_data(data)

    def on_body(self, part: bytes) -> None:
        """Keep a part of the body, where somebody looks at it."""
        if self._drive.taste is not None:
            self._body.append(part)

    def on_message_complete(self) -> None:
        """Note an answer, and ask again while there is time."""
        now = time.perf_counter()
        status = self._parser.get_status_code()
        self._waiting = False
        self._drive.answers.append(Answer(status, now - self._asked))
        if self._drive.taste is not None:
            self._drive.taste(self._said, status, b"".join(self._body))
        if now < self._drive.until and self._parser.should_keep_alive():
            # Not from within the parser that the next request replaces.
            asyncio.get_running_loop().call_soon(self._ask)
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Note an answer that will not come."""
        if self._waiting:
            self._drive.answers.append(Answer(BROKEN, time.perf_counter() - self._asked))
            if self._drive.taste is not None:
                self._drive.taste(self._said, BROKEN, str(error).encode())
        if not self.over.done():
            self.over.set_result(None)


async def drive(port: int, load: Drive, connections: int) -> None:
    """Keep so many connections busy until the time is over; one that ends is opened again."""
    loop = asyncio.get_running_loop()

    async def keep_asking() -> None:
        while time.perf_counter() < load.until:
            try:
                _, asker = await loop.create_connection(lambda: Asker(load), "127.0.0.1", port)
            except OSError:
                load.answers.append(Answer(BROKEN, 0.0))
                await asyncio.sleep(0.05)
                continue
            await asker.over

    async with asyncio.timeout_at(loop.time() + load.until - time.perf_counter() + LAST_SECONDS):
        await asyncio.gather(*(keep_asking() for _ in range(connections)))


def answers_of(load: Load) -> tuple[list[Answer], float]:
    """Send a load in this process; returns every answer, and the seconds that it took."""
    begun = time.perf_counter()
    answers: list[Answer] = []
    requests = itertools.cycle(load.requests())
    driving = Drive(requests=requests, until=begun + load.seconds, answers=answers)
    uvloop.run(drive(load.port, driving, load.connections))
    return answers, time.perf_counter() - begun


def measured_of(answers: list[Answer], seconds: float) -> Measured:
    """Sum answers up."""
    times = sorted(answer.seconds for answer in answers if answer.status != BROKEN)
    good = sum(200 <= answer.status < 300 for answer in answers)
    return Measured(
        per_second=good / seconds,
        p50_ms=percentile(times, 0.5) * 1e3,
        p99_ms=percentile(times, 0.99) * 1e3,
        requests=len(answers),
        failed=len(answers) - good,
    )


def by_status(answers: list[Answer]) -> dict[str, Any]:
    """Return count and times in milliseconds of each status."""
    grouped: dict[int, list[float]] = {}
    for answer in answers:
        grouped.setdefault(answer.status, []).append(answer.seconds * 1e3)
    return {str(status): _times(sorted(times)) for status, times in sorted(grouped.items())}


def _times(ascending: list[float]) -> dict[str, float]:
    shares = {"p50_ms": 0.5, "p90_ms": 0.9, "p99_ms": 0.99, "longest_ms": 1.0}
    return {"requests": len(ascending)} | {
        name: round(percentile(ascending, share), 2) for name, share in shares.items()
    }


@dataclass(frozen=True)
class Packaged:
    """This module as a process of its own."""

    name: str = "packaged"

    def run(self, load: Load) -> Measured:
        """Send a load and wait until it ends; raises as `told_of` does."""
        return Measured(**told_of(load)["measured"])


def told_of(load: Load) -> dict[str, Any]:
    """Send a load from a process of its own; returns its sum, and count and times by status.

    Raises:
        LoadFailed: the process ended with an error.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.serving.generator"],
        input=json.dumps(asdict(load)),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if done.returncode:
        raise LoadFailed("the generator failed", expected="numbers", found=done.stderr[-300:])
    return cast("dict[str, Any]", json.loads(done.stdout))


def main() -> int:
    """Read a load, send it, print what came of it."""
    content = json.load(sys.stdin)
    answers, seconds = answers_of(Load(**{**content, "bodies": tuple(content["bodies"])}))
    told = {"measured": asdict(measured_of(answers, seconds)), "by_status": by_status(answers)}
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
