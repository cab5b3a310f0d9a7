"""Start each side's real server on a port of loopback, wait for it, end it, weigh it."""

import http.client
import os
import signal
import socket
import subprocess  # our own interpreter, our own modules
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.load import ROOT
from forecasting.errors import GatecastError

#: MLflow's server takes its time to import everything.
START_SECONDS = 120.0

#: Pause between two looks whether a server answers.
LOOK_SECONDS = 0.01

END_SECONDS = 20.0


class ServerFailed(GatecastError):
    """A server that was to be measured did not come, or ended."""

    code = "SERVER_FAILED"


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server: its process, which leads a session of its own, and its port."""

    process: subprocess.Popen[bytes]
    port: int
    start_seconds: float


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], port: int, ready: str, environment: Mapping[str, str], log: Path
) -> Iterator[Server]:
    """Run a server until the block ends.

    Args:
        command: what is executed.
        port: where it will listen.
        ready: the path that is answered 200 once it is ready.
        environment: added to this process's own.
        log: takes what it says: a file, as in a service, where a pipe would fill up.

    Raises:
        ServerFailed: it ended, or was not ready in time.
    """
    with log.open("wb") as told:
        begun = time.perf_counter()
        process = subprocess.Popen(
            list(command),
            stdout=told,
            stderr=told,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            start_new_session=True,
        )
        try:
            _wait(process, port, ready, log)
            yield Server(process=process, port=port, start_seconds=time.perf_counter() - begun)
        finally:
            _end(process)


def _wait(process: subprocess.Popen[bytes], port: int, ready: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError, http.client.HTTPException):
            if ask(port, ready)[0] == 200:
                return
        time.sleep(LOOK_SECONDS)
    raise ServerFailed(
        f"{ready} was not answered", expected="status 200", found=log.read_text()[-500:]
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the session that was begun: MLflow's command line starts a child of its own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(END_SECONDS)


def ask(port: int, path: str, body: str | None = None) -> tuple[int, bytes]:
    """Ask once, on a connection of its own; returns status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        kind = {"Content-Type": "application/json"}
        connection.request("GET" if body is None else "POST", path, body, kind if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def gatecast(port: int) -> list[str]:
    """Return the real command of the API."""
    serve = ["serve", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    return [sys.executable, "-m", "gatecast", *serve]


def weight(root: int) -> tuple[float, float]:
    """Return the resident and the proportional memory of a process and all below it, in MB."""
    family = _family(root)
    resident = sum(_field(pid, "status", "VmRSS") for pid in family)
    proportional = sum(_field(pid, "smaps_rollup", "Pss") for pid in family)
    return resident * 1024 / 1e6, proportional * 1024 / 1e6


def _family(root: int) -> list[int]:
    """Return the process and its descendants."""
    family = [root]
    for pid in family:
        # A process that ended meanwhile weighs nothing.
        with suppress(OSError):
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                family += [int(child) for child in children.read_text().split()]
    return family


def _field(pid: int, file: str, name: str) -> int:
    """Return a field of /proc in kilobytes, 0 where the process is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
    return 0
