"""T6: processes that meet a cold store at once, or after a kill, end with one sound store."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("cold_starts.py")
PROCESSES = 4


def run(home, *delays):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(home), str(PROCESSES), *delays],
        capture_output=True, text=True, timeout=280, check=True,
    )  # fmt: skip
    return json.loads(done.stdout), done.stderr


def assert_sound(found, said):
    assert found["ended"] == [0] * PROCESSES, said
    assert found["integrity"] == "ok"
    assert found["experiments"] == ["0", "1", "2", "3", "Default"]
    assert found["revisions"] == 1
    assert found["left_over"] == []


def test_processes_that_meet_a_cold_store_after_a_kill_share_one_sound_store(tmp_path):
    (found,), said = run(tmp_path, "0.2")

    assert found["killed_in_migration"]
    assert_sound(found, said)
