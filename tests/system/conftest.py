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
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

import gatecast as gatecast_module

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

    def inside(self, *words: str) -> Said:
        """Run a verb to its end in this process, which has loaded the libraries already."""
        out, err, before = StringIO(), StringIO(), dict(os.environ)
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setattr(sys, "argv", ["gatecast", "--home", str(self.home), *words])
            try:
                with pytest.raises(SystemExit) as end:
                    gatecast_module.main()
            finally:
                os.environ.clear()
                os.environ.update(before)
        return Said(code=end.value.code or 0, out=out.getvalue(), err=err.getvalue())


@pytest.fixture
def gatecast(tmp_path) -> Gatecast:
    """The program with an empty home."""
    return Gatecast(home=tmp_path / "home")


@dataclass(frozen=True, kw_only=True)
class Retrained:
    """A home in which the demo ran twice with the quick preset, and what was said of it.

    `first` is the report of the demo that found the home empty, `second` what a person read of
    the next one; `left` are the processes of the home that were there 15 seconds after both.
    `untouched` is a copy of the home as it was after the first.
    """

    run: Gatecast
    first: dict[str, Any]
    second: Said
    left: list[str]
    untouched: Path

    @property
    def decision(self) -> dict[str, Any]:
        """What the first retraining came to, as `retrain --json` prints it."""
        return self.first["retrain"]


@pytest.fixture(scope="session")
def retrained(tmp_path_factory) -> Retrained:
    """Run the demo twice, once for all tests, in whichever process asks first."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    run = Gatecast(home=base / "retrained" / "home")
    told, untouched = base / "retrained.json", base / "untouched"
    with FileLock(base / "retrained.lock"):
        if not told.exists():
            run.home.parent.mkdir()
            # Measured, once: a whole retraining in the flow's and its children's processes.
            measured = replace(run, environment=dict(os.environ))
            first = measured("demo", "--preset", "quick", "--json")
            assert first.code == 0, first.err
            assert "Traceback" not in first.err
            shutil.copytree(run.home, untouched)
            second = run("demo", "--preset", "quick")
            told.write_text(json.dumps([first.json(), vars(second), left_behind(run.home)]))
    first, second, left = json.loads(told.read_text())
    return Retrained(run=run, first=first, second=Said(**second), left=left, untouched=untouched)


def left_behind(home: Path, seconds: float = 15.0) -> list[str]:
    """Return the commands of processes that still name a home after some seconds."""
    deadline = time.monotonic() + seconds
    while True:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                told = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
                if str(home).encode() in told:
                    found.append((process / "cmdline").read_text())
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


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
