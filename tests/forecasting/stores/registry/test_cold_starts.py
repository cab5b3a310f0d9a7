"""T6: processes that meet a cold store at once, or after a kill, end with one sound store."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.provenance import ROOT
from tests.postgres import BINARIES, MISSING, cluster

#: Opens the store of an address from forked processes, each of which writes an experiment.
ON_A_SERVER = """
import json, os, sys
from tests.forecasting.stores.registry.cold_starts import forked, write
from forecasting.settings import load_settings
settings = load_settings(home=sys.argv[1], tracking_uri=sys.argv[2])
children = [forked(lambda name=str(each): write(settings, name)) for each in range(4)]
print(json.dumps([os.waitpid(child, 0)[1] for child in children]))
"""

pytestmark = pytest.mark.usefixtures("unmeasured_children")

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


@pytest.mark.skipif(BINARIES is None, reason=MISSING)
def test_processes_that_meet_an_empty_postgresql_at_once_share_one_sound_store(tmp_path):
    with cluster() as database:
        database.create("mlflow")
        address = database.address("mlflow", "psycopg")
        done = subprocess.run(
            [sys.executable, "-c", ON_A_SERVER, str(tmp_path), address],
            cwd=ROOT, capture_output=True, text=True, timeout=280, check=False,
        )  # fmt: skip
        with database.connect("mlflow") as connection:
            written = {name for (name,) in connection.execute("SELECT name FROM experiments")}

    assert json.loads(done.stdout) == [0] * PROCESSES, done.stderr
    assert written == {"0", "1", "2", "3", "Default"}
