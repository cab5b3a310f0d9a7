"""A soak's processes: replicas that are started again when killed, a worker that retrains."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.faults.flows import PATIENT

PATIENCE = 180.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(kw_only=True)
class Replica:
    """One `gatecast serve`, at one port for as long as the soak lasts."""

    home: Path
    log: Path
    port: int = field(default_factory=free_port)
    child: subprocess.Popen | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.child.terminate()
        self.child.wait(60)

    @property
    def pid(self) -> int:
        """The process that serves."""
        return self.child.pid

    def start(self) -> None:
        """Start it; it answers a moment later."""
        command = [sys.executable, "-m", "gatecast", "--home", str(self.home)]
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                [*command, "serve", "--port", str(self.port)], stdout=log, stderr=log
            )

    def wait(self) -> None:
        """Wait until it is ready."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with suppress(OSError):
                address = f"http://127.0.0.1:{self.port}/readyz"
                with urllib.request.urlopen(address, timeout=5) as answer:
                    if answer.status == 200:
                        return
            time.sleep(0.2)
        raise RuntimeError(f"a replica was not ready: {self.log.read_text()[-2000:]}")

    def kill(self) -> None:
        """Kill it, start it again, and wait until it is ready, as an orchestrator does."""
        self.child.kill()
        self.child.wait()
        self.start()
        self.wait()


@dataclass(kw_only=True)
class Worker:
    """Retrains through Prefect, each time with another seed, in a process of its own."""

    dataset: str
    home: Path
    child: subprocess.Popen | None = None
    ended: Counter[str] = field(default_factory=Counter)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def first(self) -> None:
        """Retrain once without Prefect, so that there is something to serve.

        Raises:
            RuntimeError: it failed.
        """
        environment = {**os.environ, "GATECAST_HOME": str(self.home)}
        command = [sys.executable, "-m", "tests.faults.plain", self.dataset]
        done = subprocess.run(command, capture_output=True, env=environment, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.decode()[-2000:])

    def once(self, *, seed: int) -> None:
        """Retrain once and note how it ended."""
        environment = {**os.environ, **PATIENT, "GATECAST_HOME": str(self.home)}
        with (self.home.parent / "worker.log").open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.flows", self.dataset, str(seed)],
                stdout=log, stderr=log, env=environment, start_new_session=True,
            )  # fmt: skip
            code = self.child.wait()
        self.ended["killed" if code < 0 else "finished" if code == 0 else "failed"] += 1

    def keep_on(self, every: float, over: threading.Event) -> None:
        """Retrain every so many seconds until it is over."""
        seed = 1
        while not over.wait(every if seed > 1 else 1.0):
            seed += 1
            self.once(seed=seed)

    def kill(self) -> int:
        """Kill a retraining with all its processes; says whether there was one."""
        if self.child is None or self.child.poll() is not None:
            return 0
        with suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        return 1
