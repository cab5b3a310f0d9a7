"""A worker is stopped, believed dead, overtaken, and comes back: it is refused at the promotion."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from forecasting.stores.fencing import TAG, Fenced, take
from forecasting.stores.registry.aliases import Move, alias_of, promote, read_log
from forecasting.stores.registry.versions import connect, resolve
from pipelines.promotion import decide, publish_candidate
from pipelines.workspace import only_run

MODEL = "climate-oslo"

WORKER = """
import sys
from pathlib import Path
from forecasting.errors import GatecastError
from forecasting.settings import Settings
from forecasting.stores.fencing import TAG, Fenced, take
from forecasting.stores.registry.aliases import Move, promote
from forecasting.stores.registry.versions import connect
from pipelines.workspace import only_run

settings = Settings(home=Path(sys.argv[1]))
client = connect(settings)
with only_run(settings, "oslo") as turn:
    print("working", flush=True)
    input()
    move = Move(model="climate-oslo", version=int(sys.argv[2]), judged_against=None,
                who="the first", why="", fence=turn.fence)
    try:
        promote(client, settings, move)
    except GatecastError as error:
        print(error.code, flush=True)
"""


@pytest.fixture
def stopped(known, version, unmeasured_children):  # noqa: ARG001 - it is killed
    """A worker that has begun a retraining, and is stopped before it promotes its version."""
    first = version()
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(known.settings.root), str(first.version)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert worker.stdout.readline() == "working\n"
    os.kill(worker.pid, signal.SIGSTOP)
    yield worker
    worker.kill()
    worker.communicate()


@pytest.mark.timeout(600)
def test_a_worker_believed_dead_that_comes_back_is_fenced(known, version, stopped):
    settings, client = known.settings, connect(known.settings)
    second = version().version
    # The lock that it holds is lost, as on a share whose server has forgotten it.
    (settings.root / "locks" / "retrain-oslo.lock").unlink()
    with only_run(settings, "oslo") as turn:
        move = Move(
            model=MODEL,
            version=second,
            judged_against=None,
            who="the second",
            why="",
            fence=turn.fence,
        )
        promote(client, settings, move)
    os.kill(stopped.pid, signal.SIGCONT)
    said, _ = stopped.communicate("go on\n", timeout=120)
    assert said == "FENCED\n"
    assert alias_of(client, MODEL, "champion") == second
    assert [entry["who"] for entry in read_log(settings.root)] == ["the second"]


@pytest.mark.timeout(600)
def test_a_worker_that_was_only_slow_promotes(known, stopped):
    os.kill(stopped.pid, signal.SIGCONT)
    said, _ = stopped.communicate("go on\n", timeout=120)
    assert said == ""
    assert alias_of(connect(known.settings), MODEL, "champion") == 1


@pytest.fixture
def client(settings):
    return connect(settings)


def test_a_retraining_that_was_overtaken_is_refused_at_the_promotion(work, candidate, client):
    judgement, version = candidate(wrong_by=0.5)
    fence = take(work.settings.root, "oslo")
    later = take(work.settings.root, "oslo")
    with pytest.raises(Fenced, match="later retraining of oslo"):
        decide(work.settings, work.folder, judgement, version, fence)
    assert alias_of(client, MODEL, "champion") is None
    assert decide(work.settings, work.folder, judgement, version, later).promoted


def test_one_that_the_gate_refused_does_not_become_challenger_either(work, candidate, client):
    judgement, version = candidate(wrong_by=0.5)
    refused = replace(judgement, verdict=replace(judgement.verdict, promoted=False))
    fence = take(work.settings.root, "oslo")
    take(work.settings.root, "oslo")
    with pytest.raises(Fenced):
        decide(work.settings, work.folder, refused, version, fence)
    assert alias_of(client, MODEL, "challenger") is None


def test_a_version_says_under_which_number_its_retraining_worked(work, candidate, client):
    judgement, _ = candidate(wrong_by=0.5)
    fence = take(work.settings.root, "oslo")
    with_fence = publish_candidate(
        work.settings, work.folder, judgement, judgement.runs["gru"], fence
    )
    assert resolve(client, f"{MODEL}/{with_fence}").tags[TAG] == "1"


def test_a_later_move_of_an_older_retrainings_version_is_fenced(work, candidate, client):
    judgement, version = candidate(wrong_by=0.5)
    take(work.settings.root, "oslo")
    decide(work.settings, work.folder, judgement, version, take(work.settings.root, "oslo"))
    _, other = candidate(wrong_by=0.2)
    move = Move(model=MODEL, version=other, judged_against=version, who="ola", why="", token=1)
    with pytest.raises(Fenced, match="has been promoted"):
        promote(client, work.settings, move)
    promote(client, work.settings, replace(move, token=2))
    assert alias_of(client, MODEL, "champion") == other
