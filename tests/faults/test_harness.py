"""The fault harness finds what is lost, and says so by its last line and its exit code."""

import json
import math
import random
import subprocess
import sys
from collections import Counter
from importlib import import_module
from itertools import pairwise

import pytest
from matplotlib.figure import Figure

from forecasting.faults import POINTS
from forecasting.stores.decisions import DecisionEntry, MoveEntry, append_decision, append_move
from tests.faults import bench
from tests.faults.forks import forked
from tests.faults.plain import FIGURE_BYTES, Undrawn
from tests.faults.points import kills, spread, unreached
from tests.faults.report import Report
from tests.faults.soundness import undecided
from tests.faults.trials import Trial, compared


def make_trial(**changes):
    """A trial that lost nothing."""
    found = {"part": "points", "name": "land.kept@1", "ended": "killed", "reached": True}
    return Trial(**(found | changes))


@pytest.fixture
def closed(tmp_path, capsys):
    """Close a report of these trials; returns its exit code and its last line."""

    def act(*trials):
        report = Report(seed=1, log=tmp_path / "trials.jsonl")
        report.watch(trials, len(trials), "points")
        report.write(tmp_path / "report.json")
        code = report.close()
        return code, capsys.readouterr().out.splitlines()[-1]

    return act


def test_a_run_in_which_nothing_was_lost_ends_well(closed):
    assert closed(make_trial(), make_trial()) == (0, "faults: 2 points, 0 lost")


def test_a_run_in_which_something_was_lost_fails(closed, tmp_path):
    lost = make_trial(complaints=["0 versions have the alias champion"])

    assert closed(make_trial(), lost) == (1, "faults: 2 points, 1 lost")

    assert json.loads((tmp_path / "report.json").read_bytes())["parts"]["points"]["lost"] == 1


def test_a_run_that_came_to_no_point_fails(closed):
    assert closed(make_trial(reached=False)) == (1, "faults: 0 points, 0 lost")


def test_a_point_to_which_no_retraining_comes_is_found():
    assert "promote.named" in unreached(Counter({"land.kept": 1}))


def test_a_fork_tells_which_modules_it_has_loaded_and_its_parent_has_not(tmp_path, monkeypatch):
    (tmp_path / "loaded_late.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)

    def work():
        return import_module("loaded_late").__name__

    ended = forked(work, tmp_path / "log")

    assert (ended.answer, ended.imported) == ("loaded_late", ["loaded_late"])
    assert "loaded_late" not in sys.modules


def test_a_trial_s_figure_is_logged_as_a_file_of_a_figure_s_size(tmp_path):
    undrawn = Undrawn("what would be drawn")

    undrawn.savefig(tmp_path / "loss.png", dpi=110)

    assert (tmp_path / "loss.png").stat().st_size == FIGURE_BYTES
    assert isinstance(undrawn, Figure)  # MLflow takes no other


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({"worker-0"}, {"no home": 1, "land.kept@1": 3}),
        ({"worker-0", "worker-1"}, {"no home": 2, "nobody left": 1}),
    ],
    ids=["one", "all"],
)
def test_workers_that_have_no_home_are_told_and_waited_for_by_nobody(
    broken, told, tmp_path, monkeypatch
):
    def begun(folder):
        if folder.name in broken:
            raise RuntimeError("the disk is full")

    monkeypatch.setattr(bench, "begun", begun)
    monkeypatch.setattr(bench, "wanted_of", lambda _bench: {})
    jobs = [lambda _bench, _wanted: make_trial()] * 3

    trials = list(bench.work_through(tmp_path, jobs, workers=2, until=math.inf))

    assert Counter(trial.name for trial in trials) == told
    assert {trial.name for trial in trials if trial.lost} == told.keys() - {"land.kept@1"}


def test_every_point_is_killed_at_once_at_least():
    found = Counter({"file.begun": 100, "promote.named": 1})

    chosen = kills(found, 12, random.Random(1))  # noqa: S311 - a sample, no secret

    assert {fault.text.partition("@")[0] for fault in chosen} == set(found)
    assert len({fault.text for fault in chosen}) == 12


def test_a_sample_is_spread_evenly():
    chosen = spread(range(100), 10, random.Random(1))  # noqa: S311 - a sample, no secret

    assert len(chosen) == 10
    assert {later - earlier for earlier, later in pairwise(chosen)} == {10}


@pytest.mark.parametrize("which", ["published", "logged"])
def test_a_champion_that_is_not_the_one_published_and_logged_is_a_loss(which):
    wanted = {"weights": "a", "served": "a"}
    sound = {**wanted, "complaints": [], "champion": 2, "published": 2, "logged": 2,
             "undecided": []}  # fmt: skip

    assert compared(sound, wanted) == []
    assert compared({**sound, which: 1}, wanted) == [f"1 is {which}, 2 is champion"]


def test_a_move_of_the_alias_without_its_line_among_the_decisions_is_a_loss(tmp_path):
    move = {"time": "2026-01-01T00:00:00", "model": "climate-oslo", "who": "a", "why": "better"}
    append_move(tmp_path, MoveEntry(**move, before=None, after=1))
    assert undecided(tmp_path) == [
        "the move to version 1 stands 1 times in one log, 0 in that of decisions: better"
    ]

    append_decision(
        tmp_path,
        DecisionEntry(
            model="climate-oslo", version=1, run_id="r", promoted=True, sentence="better", who="a"
        ),
    )

    assert undecided(tmp_path) == []


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_a_protection_that_is_taken_away_is_missed(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.broken", str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-2000:]
    found = {name: trial["complaints"] for name, trial in json.loads(done.stdout).items()}
    assert found["whole"] == []
    assert (
        "after the rerun: served are not those of the undisturbed run" in (found["without healing"])
    )
    assert any("MANIFEST_MISMATCH" in each or "ManifestMismatch" in each
               for each in found["a file cut short"])  # fmt: skip
    assert "after the fault: 0 versions have the alias champion" in found["an alias gone"]
    assert "after the fault: lines of promotions.jsonl are gone" in found["a log line gone"]
    assert any(", 0 in that of decisions" in each for each in found["an intention gone"])


def make_report(tmp_path, *, least, trials=(), **others):
    report = Report(seed=1, log=tmp_path / "trials.jsonl", least=least, **others)
    report.trials.extend(trials)
    return report


def test_a_whole_run_has_killed_at_every_point_and_left_nothing_out(tmp_path):
    everywhere = [
        make_trial(name=f"{point}@{number}") for point in POINTS for number in range(1, 20)
    ]

    assert make_report(tmp_path, least=500, trials=everywhere).close() == 0
    assert make_report(tmp_path, least=500, trials=everywhere[19:]).close() == 1
    assert make_report(tmp_path, least=10_000, trials=everywhere).close() == 1
    skipped = {"disks": "not root"}
    assert make_report(tmp_path, least=500, trials=everywhere, skipped=skipped).close() == 1


def test_a_sample_needs_one_point_and_no_loss(tmp_path):
    sound, lost = make_trial(), make_trial(complaints=["gone"])

    assert make_report(tmp_path, least=0, trials=[sound]).close() == 0
    assert make_report(tmp_path, least=0).close() == 1
    assert make_report(tmp_path, least=0, trials=[sound, lost]).close() == 1
