"""Run the real server in a process of its own, ask it, and end it."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).with_name("live_server.py")
ROOT = Path(__file__).parents[2]


def ask(connection, path, body=None):
    """Ask on an open connection; returns status, object and headers."""
    connection.request("POST" if body is not None else "GET", path, body=body)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read()), answer.headers


class LiveServer:
    """A running server: asks it, and ends it."""

    def __init__(self, home, port, modules):
        self.port, self.modules = port, modules
        environment = {
            **os.environ,
            "GATECAST_HOME": str(home),
            "GATECAST_POLL_SECONDS": "0.05",
            "GATECAST_HEAL": "false",
            # Nobody stands before it that would have to move on; test_draining has that.
            "GATECAST_DRAIN_SECONDS": "0",
            "PYTHONPATH": str(ROOT),
        }
        self.process = subprocess.Popen(
            [sys.executable, str(LAUNCHER), str(port), str(modules)],
            env=environment,
            stderr=subprocess.DEVNULL,
        )

    @classmethod
    @contextmanager
    def running(cls, home, modules):
        """Run a server on a free port until the block ends."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = cls(home, port, modules)
        try:
            server.wait_until(lambda: server.ask("/readyz")[0] == 200)
            yield server
        finally:
            server.end()

    def connect(self):
        return closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10))

    def ask(self, path, body=None):
        with self.connect() as connection:
            return ask(connection, path, body)

    def wait_until(self, truth, seconds=20.0):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "the server ended"
            try:
                if truth():
                    return
            except OSError:
                pass
            time.sleep(0.02)
        pytest.fail("did not happen in time")

    def version(self):
        _, answer, _ = self.ask("/v1/forecast?station=seattle")
        return answer["model"]["version"] if "model" in answer else answer["code"]

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)
