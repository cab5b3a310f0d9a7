"""The benchmark of the API, in its shortest form, on a tiny champion."""

import json
import os
import sys
from pathlib import Path

import pytest

from benchmarks.serving import __main__ as command
from benchmarks.serving.home import Home, invoked, posted
from benchmarks.serving.marks import MARKS, judged
from benchmarks.serving.overloading import Prober
from benchmarks.serving.servers import ServerFailed, free_port, running, weight
from benchmarks.serving.swapping import Taster
from forecasting.stores.published import CARD, GRAPH, publish, write_manifest
from forecasting.stores.stations import write_station
from tests.serving.conftest import MODEL_CARD, make_graph, make_station

FIGURES = {
    "get_ratio", "get_ratio_bare", "post_ratio", "post_ratio_single", "post_p99_ms", "rss_mb",
    "rss_ratio", "start_seconds", "swap_failures", "overload_p99_ms", "health_p99_ms",
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home whose champion is a graph of seventeen nodes."""
    folder = tmp_path_factory.mktemp("tiny")
    files = folder / "files"
    files.mkdir()
    (files / GRAPH).write_bytes(make_graph(MODEL_CARD))
    (files / CARD).write_text(json.dumps(vars(MODEL_CARD)))
    write_manifest(files)
    write_station(folder / "home", make_station())
    publish(folder / "home", files, version=3, alias="champion", run_id="run-3")
    return Home(folder / "home")


@pytest.mark.system
def test_one_run_tells_every_figure_and_what_is_behind_it(home, capsys):
    arguments = ["--home", str(home.root), "--seconds", "0.2", "--repeats", "1", "--swaps", "1"]
    before = sorted(home.root.rglob("*"))

    code = command.main([*arguments, "--load", "packaged", "--no-mlflow"])

    told = json.loads(capsys.readouterr().out)
    assert code == 0
    assert told.keys() == FIGURES | {"marks", "detail"}
    assert told["marks"].keys() == FIGURES
    # Without MLflow, and without the weights that one member is made of, these are not measured.
    unmeasured = {name for name in FIGURES if told[name] is None}
    assert unmeasured == {"post_ratio", "post_ratio_single", "rss_ratio"}
    assert told["swap_failures"] == 0
    swaps = told["detail"]["swaps"]
    assert swaps["versions_answered"] == 2
    assert swaps["last_answered"] == swaps["last_published"] == 2
    assert told["detail"]["overload"]["connections"] == 640
    assert told["detail"]["get"]["sides"]["64"].keys() == {"forecast", "constant", "bare"}
    assert told["detail"]["forecast"]["members"] == MODEL_CARD.members
    assert sorted(home.root.rglob("*")) == before


def test_a_part_that_there_is_not_is_a_wrong_call(capsys):
    with pytest.raises(SystemExit, match="2"):
        command.parse(["--only", "get,put"])
    assert "found ['put']" in capsys.readouterr().err
    assert command.parse(["--only", "swaps,get"]).only == ("get", "swaps")


def test_a_home_without_a_champion_is_refused(tmp_path, capsys):
    assert command.main(["--home", str(tmp_path), "--only", "start"]) == 1
    assert "STATION_UNKNOWN" in capsys.readouterr().err


def test_a_mark_is_met_missed_or_not_measured():
    told = judged({"get_ratio": 0.85, "rss_mb": 160.1, "swap_failures": 0})
    assert {mark.figure for mark in MARKS} == told.keys() == FIGURES
    assert told["get_ratio"] == {"at_least": 0.85, "found": 0.85, "met": True}
    assert told["rss_mb"] == {"at_most": 160.0, "found": 160.1, "met": False}
    assert told["swap_failures"]["met"] is True
    assert told["post_ratio"]["met"] is None


def test_bodies_differ_so_that_nobody_answers_from_memory(home):
    for bodies in (posted(home), invoked(home)):
        assert len(set(bodies)) == len(bodies) == 64
    history = json.loads(posted(home)[0])["history"]
    assert {len(column) for column in history.values()} == {60}
    assert len(json.loads(invoked(home)[0])["inputs"][0]) == 60


def test_an_answer_may_not_go_back_to_a_version_before_the_one_that_was_seen():
    taster = Taster()
    body = b'{"model": {"version": %d}}'
    least = taster.before()
    taster.taste(least, 200, body % 2)
    # Sent before version 2 was seen: the older one may still answer it.
    taster.taste(least, 200, body % 1)
    assert (taster.failures, taster.seen) == ([], {1, 2})

    taster.taste(taster.before(), 200, body % 1)

    assert taster.failures == ["version 1 after version 2"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, b'{"model": {"version": 1}}'),
        (0, b"connection reset"),
        (200, b"{half"),
        (200, b'{"model": {}}'),
        (200, b'{"model": {"version": "1"}}'),
        (200, b'{"model": {"version": 1}, "other": {"version": 2}}'),
    ],
)
def test_an_answer_that_does_not_name_one_version_is_a_failure(status, body):
    taster = Taster()
    taster.taste(taster.before(), status, body)
    assert len(taster.failures) == 1


def test_a_probe_that_nobody_answers_is_counted():
    with Prober(free_port()) as prober:
        pass
    assert prober.failed == len(prober.seconds) >= 1


def test_a_server_that_ends_is_refused_with_what_it_said(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit('no such model')"]
    with (
        pytest.raises(ServerFailed, match="no such model"),
        running(command, free_port(), "/", {}, tmp_path / "log"),
    ):
        pytest.fail("it was never there")


def test_memory_is_that_of_a_process_and_all_below_it():
    resident, proportional = weight(os.getpid())
    status = Path("/proc/self/status").read_text()
    alone = int(status.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6
    assert resident > 0.5 * alone
    assert 0 < proportional <= resident
