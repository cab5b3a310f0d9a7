"""Load a server and say what came of it: with `wrk`, or with the packaged generator."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from forecasting.errors import GatecastError

#: Not from `benchmarks.outside`, which loads torch: a generator would start for seconds.
ROOT = Path(__file__).resolve().parents[2]


class LoadFailed(GatecastError):
    """Requests of a load were not answered as they should be: its numbers say nothing."""

    code = "LOAD_FAILED"


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is asked of a server on loopback, on how many connections, for how long.

    Without bodies each request is a GET; with bodies a POST of JSON, each body in its turn, so
    that no server answers from memory what it has answered before.
    """

    port: int
    path: str
    connections: int
    seconds: float
    bodies: tuple[str, ...] = ()

    def requests(self) -> tuple[bytes, ...]:
        """Return the bytes of each request."""
        host = f"Host: 127.0.0.1:{self.port}\r\n"
        if not self.bodies:
            return (f"GET {self.path} HTTP/1.1\r\n{host}\r\n".encode(),)
        head = f"POST {self.path} HTTP/1.1\r\n{host}Content-Type: application/json\r\n"
        return tuple(
            f"{head}Content-Length: {len(body.encode())}\r\n\r\n{body}".encode()
            for body in self.bodies
        )


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one load gave: requests answered 2xx a second, and times in milliseconds."""

    per_second: float
    p50_ms: float
    p99_ms: float
    requests: int
    failed: int


class Generator(Protocol):
    """Whoever sends a load; one stands for all sides of a run."""

    @property
    def name(self) -> str:
        """Its name in the report."""

    def run(self, load: Load) -> Measured:
        """Send a load and wait until it ends."""


def percentile(ascending: Sequence[float], share: float) -> float:
    """Return the least value that so large a share does not exceed; 0 of nothing.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 0.5), percentile([1.0, 2.0], 0.99), percentile([], 0.5)
    (2.0, 2.0, 0.0)
    """
    if not ascending:
        return 0.0
    rank = -(-round(share * 1e6) * len(ascending) // 1_000_000)
    return ascending[max(rank, 1) - 1]


def sound(measured: Measured, load: Load) -> Measured:
    """Return what was measured.

    Raises:
        LoadFailed: a request failed, or none was answered.
    """
    if measured.failed or not measured.requests:
        raise LoadFailed(
            f"the load on {load.path} at {load.connections} connections failed",
            expected="every request answered 2xx",
            found=f"{measured.failed} failures of {measured.requests} requests",
        )
    return measured


def has_wrk() -> bool:
    """Say whether `wrk` is installed."""
    return shutil.which("wrk") is not None
