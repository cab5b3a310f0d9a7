"""T4: a training killed anywhere resumes, and ends with the bits of one that never was."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("killed_training.py")

#: Where it is killed, by what, and the epoch whose checkpoint is then the newest whole one.
TRIALS = [
    ("batch 2", "SIGKILL", 0),
    ("epoch 1", "SIGKILL", 1),
    ("batch 11", "SIGKILL", 2),
    ("batch 11", "SIGTERM", 2),
    ("epoch 3", "SIGTERM", 3),
    # Two flushes a checkpoint: its bytes before the rename, and the folder after it.
    ("flush 5", "SIGKILL", 2),
    ("flush 6", "SIGKILL", 3),
]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    home = tmp_path_factory.mktemp("killed")
    trials = [f"{point}:{name}" for point, name, _ in TRIALS]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(home), *trials],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.parametrize(("point", "name", "whole"), TRIALS)
def test_a_killed_training_resumes_to_the_same_weights(found, point, name, whole):
    trial = found[f"{point}:{name}"]

    assert trial["ended"] == getattr(signal, name)
    assert trial["resumed_from"] == whole
    assert trial["weights"] == found["unbroken"]["weights"]


def test_a_kill_never_leaves_a_part_of_a_checkpoint_under_its_name(found):
    assert found["flush 5:SIGKILL"]["left"] == ["epoch-000001", "epoch-000002"]
    assert found["flush 6:SIGKILL"]["left"] == ["epoch-000001", "epoch-000002", "epoch-000003"]
