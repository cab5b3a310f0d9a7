"""The real command line, one home with a whole retraining in it, one Prefect server to share."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]


def unmeasured() -> dict[str, str]:
    """Return the environment without coverage, which makes a training a third dearer."""
    return {name: value for name, value in os.environ.items() if "COVERAGE_PROCESS" not in name}


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """Read the one object on standard output."""
        return json.loads(self.out)


@dataclass(frozen=True, kw_only=True)
class Gatecast:
    """The real program with a home of its own."""

    home: Path
    environment: dict[str, str] = field(default_factory=unmeasured)

    def __call__(self, *words: str | Path, **environment: str) -> Said:
        """Run a verb to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "gatecast", "--home", str(self.home), *map(str, words)],
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
            cwd=self.home.parent,
            env={**self.environment, "COLUMNS": "100", **environment},
        )
        return Said(code=done.returncode, out=done.stdout, err=done.stderr)


@pytest.fixture
def gatecast(tmp_path) -> Gatecast:
    """The program with an empty home."""
    return Gatecast(home=tmp_path / "home")


@dataclass(frozen=True, kw_only=True)
class Retrained:
    """A home in which Seattle was retrained with the quick preset, and what was said of it.

    `untouched` is a copy of the home as it was then: by then other tests may have used the home.
    """

    run: Gatecast
    said: Said
    untouched: Path


@pytest.fixture(scope="session")
def retrained(tmp_path_factory) -> Retrained:
    """Retrain Seattle once for all tests, in whichever process asks first."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    run = Gatecast(home=base / "retrained" / "home")
    told, untouched = base / "retrained.json", base / "untouched"
    with FileLock(base / "retrained.lock"):
        if not told.exists():
            run.home.parent.mkdir()
            # Measured, once: a whole retraining in the flow's and its children's processes.
            said = replace(run, environment=dict(os.environ))(
                "retrain", "seattle", "--preset", "quick", "--json"
            )
            assert said.code == 0, said.err
            shutil.copytree(run.home, untouched)
            told.write_text(json.dumps([said.code, said.out, said.err]))
    code, out, err = json.loads(told.read_text())
    return Retrained(run=run, said=Said(code=code, out=out, err=err), untouched=untouched)


@pytest.fixture(scope="session")
def shared_prefect(tmp_path_factory):
    """The environment of flows that use one real Prefect server instead of each starting one."""
    with prefect_server(tmp_path_factory.mktemp("prefect"), free_port()) as address:
        yield {"PREFECT_API_URL": address}


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def prefect_server(home: Path, port: int) -> Iterator[str]:
    """A real Prefect server without its services, on a database of its own; gives its address."""
    command = [sys.executable, "-m", "prefect", "server", "start", "--no-services", "--no-ui"]
    server = subprocess.Popen(
        [*command, "--analytics-off", "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=home,
        env={**unmeasured(), "PREFECT_HOME": str(home)},
    )
    address = f"http://127.0.0.1:{port}/api"
    try:
        deadline = time.monotonic() + 120
        while not healthy(address):
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def healthy(address: str) -> bool:
    """Say whether a Prefect server answers."""
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False
