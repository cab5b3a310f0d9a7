import os
import subprocess
import sys

import pytest

from pipelines import server
from pipelines.provenance import ROOT

#: Begins a server in a process of its own, and does nothing else.
STARTER = """
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid()), "--port", "4200"])
time.sleep(60)
"""

#: Stands for Prefect's part of it, which takes many seconds to import.
SERVER = """
import sys, time
from types import SimpleNamespace
from pipelines import server
def serve():
    print(*sys.argv, flush=True)
    time.sleep(60)
sys.modules["prefect.cli"] = SimpleNamespace(app=serve)
server.main(sys.argv[1:])
"""


@pytest.mark.usefixtures("unmeasured_children")
def test_a_server_ends_with_the_process_that_started_it_even_if_that_one_is_killed():
    command = [sys.executable, "-c", STARTER, SERVER]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as starter:
        assert starter.stdout.readline() == b"prefect server start --port 4200\n"
        starter.kill()

        # The server holds the other end of the pipe for as long as it lives.
        assert starter.communicate(timeout=20) == (b"", None)


@pytest.mark.usefixtures("unmeasured_children")
def test_a_server_whose_starter_was_gone_before_it_looked_ends_too():
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], check=True,
                          capture_output=True)  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", SERVER, gone.stdout.strip()], cwd=ROOT, timeout=20, check=False,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 1


def test_prefect_is_told_the_words_behind_the_id(monkeypatch):
    told = []
    monkeypatch.setattr(server, "end_with_parent", told.append)
    monkeypatch.setattr("prefect.cli.app", lambda: told.append(sys.argv))
    monkeypatch.setattr(sys, "argv", ["as it was"])
    server.main([str(os.getppid()), "--host", "127.0.0.1"])
    assert told == [os.getppid(), ["prefect", "server", "start", "--host", "127.0.0.1"]]
