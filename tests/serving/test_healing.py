"""The healer starts its child when the store has changed: one at a time, none left behind."""

import os
import sqlite3
import sys
import threading
import time
from contextlib import closing
from types import SimpleNamespace

import pytest

from serving import healing
from serving.healing import Healer, Pace, RemoteStore, SqliteStore, store_of

QUICK = Pace(look=0.01, spacing=0.05, longest_spacing=0.2, child_deadline=20.0, child_grace=2.0)

#: Appends "begin PID NICE HOME TRACKING" and "end" to the file it is given, then sleeps and exits.
CHILD = """
import os, sys, time
path, seconds, code = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
def say(*words):
    with open(path, "a") as file:
        file.write(" ".join(words) + "\\n")
time.sleep(0.1)  # Its parent lowers the priority just after the start.
say("begin", str(os.getpid()), str(os.nice(0)),
    os.environ["GATECAST_HOME"], os.environ["GATECAST_TRACKING_URI"])
time.sleep(seconds)
say("end")
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

    def start(*, seconds=0.0, code=0, pace=QUICK, command=None):
        command = command or (sys.executable, "-c", CHILD, str(diary), str(seconds), str(code))
        healer = Healer(tmp_path, "sqlite:////store.db", command=command, store=switch, pace=pace)
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
    clock = SimpleNamespace(monotonic=lambda: clock.now, now=100.0)
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
    healer_of(seconds=60, pace=Pace(look=0.01, spacing=60.0, child_deadline=1.0))
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


def test_an_absent_store_is_awaited_and_new_once_it_is_there(tmp_path):
    path = tmp_path / "mlflow.db"
    store = SqliteStore(path)
    assert not store.changed()
    assert not path.exists()

    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE aliases (name)")
        connection.commit()

    assert store.changed()
    assert not store.changed()
    store.close()


@pytest.fixture(params=["DELETE", "WAL"])
def database(tmp_path, request):
    """An open writer of an SQLite file, in each journal mode."""
    with closing(sqlite3.connect(tmp_path / "a store.db", isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode={request.param}")
        connection.execute("CREATE TABLE aliases (name)")
        yield connection


def test_a_commit_of_another_connection_is_a_change_and_a_read_is_none(database, tmp_path):
    store = SqliteStore(tmp_path / "a store.db")
    assert store.changed()
    database.execute("SELECT * FROM aliases").fetchall()
    assert not store.changed()

    database.execute("INSERT INTO aliases VALUES ('champion')")

    assert store.changed()
    assert not store.changed()
    store.close()


def test_the_store_is_opened_for_reading_only(database, tmp_path):
    store = SqliteStore(tmp_path / "a store.db")
    assert store.changed()

    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        store._connection.execute("INSERT INTO aliases VALUES ('champion')")

    assert database.execute("SELECT * FROM aliases").fetchall() == []
    store.close()


def test_a_locked_store_is_asked_again_later(database, tmp_path):
    store = SqliteStore(tmp_path / "a store.db")
    assert store.changed()
    database.execute("BEGIN EXCLUSIVE")
    database.execute("INSERT INTO aliases VALUES ('champion')")
    assert not store.changed()

    database.execute("COMMIT")

    assert store.changed()
    store.close()


@pytest.mark.usefixtures("database")
def test_another_file_in_the_stores_place_is_a_change(tmp_path):
    store = SqliteStore(tmp_path / "a store.db")
    assert store.changed()
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        connection.execute("CREATE TABLE aliases (name)")
        connection.commit()

    (tmp_path / "new.db").rename(tmp_path / "a store.db")

    assert store.changed()
    assert not store.changed()
    store.close()


@pytest.mark.parametrize(
    ("tracking", "kind", "spacing"),
    [
        ("sqlite:////var/mlflow.db", SqliteStore, 10),
        ("sqlite+pysqlite:////var/mlflow.db", SqliteStore, 10),
        ("http://127.0.0.1:5000", RemoteStore, 20),
        ("https://mlflow.example", RemoteStore, 20),
        ("postgresql+psycopg://host/mlflow", RemoteStore, 20),
    ],
)
def test_each_tracking_address_is_watched_in_its_way(tracking, kind, spacing):
    store, pace = store_of(tracking)

    assert isinstance(store, kind)
    assert pace.spacing == spacing


def test_a_relative_sqlite_address_is_found_from_the_current_folder(tmp_path, monkeypatch):
    sqlite3.connect(tmp_path / "store.db").close()
    monkeypatch.chdir(tmp_path)
    store, _ = store_of("sqlite:///store.db")

    assert store.changed()
    store.close()


def test_a_server_is_always_asked():
    store = RemoteStore()

    assert store.changed()
    assert store.changed()
    store.close()
