"""The healer starts its child when the store has changed: one at a time, none left behind."""

import json
import os
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from serving import healing
from serving.healing import Healer
from serving.reconciling import Run
from serving.registry_changes import Pace

QUICK = Pace(look=0.01, spacing=0.05, longest_spacing=0.2, child_deadline=20.0, child_grace=2.0)

#: Appends "begin PID NICE HOME TRACKING" and "end" to the file it is given, then sleeps and exits.
CHILD = """
import json, os, sys, time
path, seconds, code = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
def say(*words):
    with open(path, "a") as file:
        file.write(" ".join(words) + "\\n")
time.sleep(0.1)  # Its parent lowers the priority just after the start.
asked = time.time()
say("begin", str(os.getpid()), str(os.nice(0)),
    os.environ["GATECAST_HOME"], os.environ["GATECAST_TRACKING_URI"])
time.sleep(seconds)
say("end")
print(json.dumps({"asked": asked, "deleted": json.loads(os.environ.get("DELETED", "{}"))}))
sys.exit("no store" if code else 0)
"""


class Switch:
    """A store that has changed when the test says so."""

    def __init__(self):
        self.event = threading.Event()
        self.closed = False
        self.looks = 0

    def wait_for_looks(self, more):
        enough = self.looks + more
        wait_for(lambda: self.looks >= enough)

    def changed(self):
        self.looks += 1
        was_set = self.event.is_set()
        self.event.clear()
        return was_set

    def close(self):
        self.closed = True


@pytest.fixture
def switch():
    return Switch()


@pytest.fixture
def diary(tmp_path):
    return tmp_path / "diary"


@pytest.fixture
def healer_of(tmp_path, diary, switch):
    """Start a healer whose child writes into the diary; it is stopped when the test ends."""
    started = []

    def start(*, seconds=0.0, code=0, pace=QUICK, command=None, **options):
        command = command or (sys.executable, "-c", CHILD, str(diary), str(seconds), str(code))
        options = {"root": tmp_path, "store": switch} | options
        healer = Healer(tracking="sqlite:////store.db", command=command, pace=pace, **options)
        healer.start()
        started.append(healer)
        return healer

    yield start
    for healer in started:
        healer.stop()


def lines(diary, word):
    return [line for line in diary.read_text().splitlines() if line.startswith(word)]


def wait_for(truth, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


def begun(diary, times):
    return lambda: diary.exists() and len(lines(diary, "begin")) >= times


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_nothing_is_started_while_the_store_rests(healer_of, diary):
    healer_of()
    time.sleep(0.3)

    assert not diary.exists()


def test_a_change_starts_the_child_with_home_and_tracking_at_low_priority(
    healer_of, diary, switch, tmp_path
):
    healer_of()
    switch.event.set()
    wait_for(begun(diary, 1))

    _, _, nice, home, tracking = lines(diary, "begin")[0].split()
    assert int(nice) == 19
    assert (home, tracking) == (str(tmp_path), "sqlite:////store.db")


def test_children_run_one_at_a_time_and_a_change_meanwhile_is_not_lost(healer_of, diary, switch):
    healer_of(seconds=0.3)
    switch.event.set()
    wait_for(begun(diary, 1))
    switch.event.set()
    wait_for(begun(diary, 2))

    assert [line.split()[0] for line in diary.read_text().splitlines()[:3]] == [
        "begin",
        "end",
        "begin",
    ]


def test_children_keep_their_distance(healer_of, diary, switch, monkeypatch):
    clock = SimpleNamespace(monotonic=lambda: clock.now, time=time.time, now=100.0)
    monkeypatch.setattr(healing, "time", clock)
    healer_of(pace=Pace(look=0.01, spacing=1.0))
    switch.event.set()
    wait_for(lambda: diary.exists() and lines(diary, "end"))
    switch.event.set()
    clock.now += 0.75
    switch.wait_for_looks(50)
    assert len(lines(diary, "begin")) == 1
    clock.now += 0.25
    wait_for(begun(diary, 2))


def test_a_failed_child_is_tried_again_without_a_change(healer_of, diary, switch, caplog):
    healer_of(code=1)
    switch.event.set()
    wait_for(begun(diary, 2))

    assert "no store" in caplog.text


def test_a_child_that_cannot_be_started_is_logged_and_the_healer_lives(healer_of, switch, caplog):
    healer = healer_of(command=("/nowhere/reconcile",))
    switch.event.set()
    wait_for(lambda: "/nowhere/reconcile" in caplog.text)

    assert healer._thread.is_alive()


def test_a_child_is_ended_at_its_deadline(healer_of, diary, switch):
    healer_of(seconds=60, pace=Pace(look=0.01, spacing=60.0, child_deadline=4.0))
    switch.event.set()
    wait_for(begun(diary, 1))
    pid = int(lines(diary, "begin")[0].split()[1])

    wait_for(lambda: not is_running(pid))


@pytest.mark.parametrize("deaf", [False, True])
def test_stopping_ends_the_child_even_one_that_does_not_listen(healer_of, diary, switch, deaf):
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" if deaf else ""
    command = (sys.executable, "-c", ignore + CHILD, str(diary), "60", "0")
    healer = healer_of(command=command, pace=Pace(look=0.01, child_grace=0.3))
    switch.event.set()
    wait_for(begun(diary, 1))
    pid = int(lines(diary, "begin")[0].split()[1])

    healer.stop()

    assert not is_running(pid)
    assert switch.closed


def test_a_nudge_starts_the_child_though_nothing_changed_and_one_ran_just_now(healer_of, diary):
    healer = healer_of(pace=Pace(look=60.0, spacing=600.0))
    for times in (1, 2):
        healer.nudge()
        wait_for(begun(diary, times))
        wait_for(lambda times=times: len(lines(diary, "end")) == times)


def test_a_nudge_while_a_child_runs_starts_another_after_it(healer_of, diary):
    healer = healer_of(seconds=0.3, pace=Pace(look=0.01, spacing=600.0))
    healer.nudge()
    wait_for(begun(diary, 1))
    healer.nudge()
    wait_for(begun(diary, 2))

    assert lines(diary, "")[1] == "end"


def test_two_workers_of_a_home_run_one_child_for_one_change(healer_of, diary):
    switches = (Switch(), Switch())
    healers = [healer_of(seconds=0.3, store=switch) for switch in switches]
    for switch in switches:
        switch.event.set()
    wait_for(lambda: all(healer.last_reached for healer in healers))
    for switch in switches:
        switch.wait_for_looks(30)

    assert len(lines(diary, "begin")) == 1


def test_a_worker_whose_change_came_later_runs_a_child_after_the_others(healer_of, diary):
    early, late = Switch(), Switch()
    for switch in (early, late):
        healer_of(seconds=0.4, store=switch)
    early.event.set()
    wait_for(begun(diary, 1))
    late.event.set()
    wait_for(begun(diary, 2))

    assert lines(diary, "")[1] == "end"


def test_a_version_deleted_in_the_registry_is_an_alarm_in_every_worker(
    healer_of, switch, monkeypatch, caplog
):
    monkeypatch.setenv("DELETED", json.dumps({"climate-oslo": 3}))
    healers = [healer_of(), healer_of(store=Switch())]
    switch.event.set()
    wait_for(lambda: all(healer.deleted for healer in healers))

    assert healers[0].deleted == {"climate-oslo": 3}
    assert "version 3 of climate-oslo was deleted in the registry" in caplog.text


def test_a_failed_run_is_counted_and_what_it_said_is_kept(healer_of, switch, monkeypatch):
    monkeypatch.setenv("DELETED", json.dumps({"climate-oslo": 3}))
    healer = healer_of(code=1)
    switch.event.set()
    wait_for(lambda: healer.failed >= 1)

    assert healer.deleted == {"climate-oslo": 3}


def test_a_home_that_went_away_is_not_made_anew(healer_of, switch, tmp_path, diary):
    healer_of(root=tmp_path / "unplugged", make_home=False)
    switch.event.set()
    switch.wait_for_looks(20)

    assert not (tmp_path / "unplugged").exists()
    assert not diary.exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"asked": "x", "deleted": {}}'])
def test_a_damaged_note_of_the_last_run_counts_as_none(tmp_path, content):
    (tmp_path / "healed.json").write_bytes(content)

    assert Run.read(tmp_path / "healed.json") == Run()


@pytest.mark.parametrize(
    "report", ["", "no json", "[]", '{"deleted": 1}', '{"deleted": {"m": "x"}}']
)
def test_a_report_that_cannot_be_read_found_nothing_deleted(report):
    assert Run.of(5.0, report) == Run(asked=5.0)
