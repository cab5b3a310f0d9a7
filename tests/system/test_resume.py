"""A retraining killed half-way is finished by the next one, and nothing is served in between."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.system.conftest import unmeasured

pytestmark = pytest.mark.system

#: Runs the verb with a flow whose data loses its verdict after it was admitted; then lets one
#: of two candidates fail in real Prefect steps.
BROKEN = """
import json, sys
from pathlib import Path
import gatecast
from pipelines import admitting

divide = admitting.divide
def without_verdict(settings, name, data_sha256, *rest):
    folder = divide(settings, name, data_sha256, *rest)
    (settings.root / "admitted" / data_sha256 / "verdict.json").unlink()
    return folder
admitting.divide = without_verdict

try:
    gatecast.main()
except SystemExit as end:
    print("CODE", end.code)

from prefect import flow, unmapped
from pipelines import climate
from pipelines.fitting import FittingFailed

def one_fails(settings, folder, cell, watch):
    if cell == "lstm":
        raise FittingFailed("candidate lstm was not trained", found="exit -9")
    return folder / cell
climate.fit_beside = one_fails

@flow
def two_candidates():
    return climate.fitted(climate.fit.map(unmapped("/runs/some"), ["lstm", "gru"]))

print("TRAINED", json.dumps(two_candidates()))
"""


def words(home):
    return ["--home", str(home), "retrain", "seattle", "--preset", "quick", "--json"]


def start(home):
    """Start a retraining as the leader of a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "gatecast", *words(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=home.parent,
        env=unmeasured(),
        start_new_session=True,
    )


def checkpoints(home):
    """The epochs of which a whole checkpoint lies there: (candidate, member, epoch)."""
    found = (home / "runs").glob("*/*/member-*/epoch-*.safetensors")
    return {
        (path.parent.parent.name, path.parent.name, int(path.name.split("-")[1])) for path in found
    }


def rows(home, question):
    with closing(sqlite3.connect(home / "mlflow" / "mlflow.db")) as store:
        return store.execute(question).fetchall()


def left_behind(home):
    """Processes that still have our home in their environment or their command."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            told = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
            if str(home).encode() in told:
                found.add(int(process.name))
    return found


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    """Kill a retraining when both candidates have trained two epochs; look; run it again."""
    home = tmp_path_factory.mktemp("resumed") / "home"
    first = start(home)
    try:
        deadline = time.monotonic() + 120
        while {cell for cell, _, epoch in checkpoints(home) if epoch >= 2} != {"lstm", "gru"}:
            assert first.poll() is None, first.stderr.read()
            assert time.monotonic() < deadline, "no checkpoint was seen"
            time.sleep(0.05)
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
    for process in left_behind(home):
        # Prefect gives its own server a session of its own.
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    between = SimpleNamespace(
        epochs=checkpoints(home),
        published=(home / "published").exists(),
        versions=rows(home, "SELECT count(*) FROM model_versions")[0][0],
        aliases=rows(home, "SELECT count(*) FROM registered_model_aliases")[0][0],
    )
    second, written = start(home), set()
    while second.poll() is None:
        written |= checkpoints(home) - between.epochs
        time.sleep(0.05)
    out, err = second.communicate()
    assert second.returncode == 0, err
    return SimpleNamespace(home=home, between=between, written=written, decision=json.loads(out))


def untimed(verdict):
    """The verdict without what the stopwatch found."""
    checks = [check for check in verdict["checks"] if check["name"] != "quick enough"]
    return {name: part for name, part in verdict.items() if name != "cost"} | {"checks": checks}


def test_nothing_is_registered_or_served_after_the_kill(resumed):
    assert not resumed.between.published
    assert (resumed.between.versions, resumed.between.aliases) == (0, 0)


def test_the_next_run_goes_on_behind_the_last_whole_checkpoint(resumed):
    for cell in ("lstm", "gru"):
        before = {(member, epoch) for name, member, epoch in resumed.between.epochs if name == cell}
        last = max(member for member, _ in before)
        after = {epoch for name, member, epoch in resumed.written if (name, member) == (cell, last)}
        assert all(epoch > max(e for m, e in before if m == last) for epoch in after)
        # A member that was whole when the kill came is not trained again.
        earlier = {member for member, _ in before} - {last}
        assert not {m for name, m, _ in resumed.written if name == cell} & earlier


def test_the_next_run_ends_where_an_unbroken_one_does(resumed, retrained):
    unbroken = retrained.decision
    assert resumed.home != retrained.run.home
    for part in ("mae_by_lead", "rmse_by_lead", "pinball"):
        assert resumed.decision["metrics"][part] == unbroken["metrics"][part]
    assert resumed.decision["cell"] == unbroken["cell"]
    assert resumed.decision["promoted"] == unbroken["promoted"]
    assert untimed(resumed.decision["verdict"]) == untimed(unbroken["verdict"])


def test_retrain_prints_what_the_flow_decided(resumed, retrained):
    decision = resumed.decision
    assert decision["model"] == "climate-seattle"
    assert set(decision) == set(retrained.decision)
    assert len(decision["metrics"]["mae_by_lead"]) == 7
    assert set(decision["metrics"]["rivals"]) == set(retrained.decision["metrics"]["rivals"])


def test_one_version_is_registered_once_and_its_folder_is_dropped(resumed):
    expected = 0 if resumed.decision["version"] is None else 1
    assert rows(resumed.home, "SELECT count(*) FROM model_versions") == [(expected,)]
    assert not list((resumed.home / "runs").iterdir())


@pytest.fixture(scope="module")
def broken(tmp_path_factory, retrained, shared_prefect):
    """Retrain where there is a champion, on data that loses its verdict after its admission."""
    home = tmp_path_factory.mktemp("broken") / "home"
    shutil.copytree(retrained.untouched, home)
    done = subprocess.run(
        [sys.executable, "-c", BROKEN, *words(home)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        cwd=home.parent,
        env={**unmeasured(), **shared_prefect, "GATECAST_HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr
    return SimpleNamespace(home=home, out=done.stdout)


def test_training_refuses_data_that_has_lost_its_verdict(broken, retrained):
    said, _, code = broken.out.partition("CODE ")
    error = json.loads(said)["error"]
    assert code.startswith("1")
    assert error["code"] == "FITTING_FAILED"
    assert "DATA_UNCHECKED" in error["found"]
    assert not list((broken.home / "runs").rglob("*.safetensors"))
    failed = "SELECT value FROM runs JOIN tags USING (run_uuid) WHERE status = 'FAILED'"
    [(tag,)] = rows(broken.home, f"{failed} AND key = 'error'")
    assert tag.startswith("FittingFailed: candidate lstm was not trained")
    for question in ("SELECT * FROM model_versions", "SELECT * FROM registered_model_aliases"):
        assert rows(broken.home, question) == rows(retrained.untouched, question)


def test_a_candidate_that_failed_leaves_the_other_in_the_running(broken):
    assert json.loads(broken.out.partition("TRAINED ")[2]) == ["/runs/some/gru"]
