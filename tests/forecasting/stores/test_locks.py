"""A lock by name: a file's on one machine, PostgreSQL's between several; a lost one is noticed."""

import subprocess
import sys
import threading
import time
import traceback

import pytest

from forecasting.errors import AlreadyRunning, GatecastError, SettingsInvalid
from forecasting.settings import load_settings
from forecasting.stores.locks import LockLost, TurnTaken, held_lock, held_turn
from forecasting.stores.postgres import DatabaseUnavailable, open_database
from tests.postgres import BINARIES, MISSING, cluster, free_port

pytestmark = pytest.mark.skipif(BINARIES is None, reason=MISSING)


@pytest.fixture(scope="module")
def database():
    with cluster() as made:
        yield made


@pytest.fixture(params=["file", "postgres"])
def address(request):
    if request.param == "file":
        return None
    return request.getfixturevalue("database").address(driver="psycopg")


def lock(root, address, name="oslo", *, wait=0.0):
    return held_lock(root, name, address=address, wait=wait, busy=f"{name} is being retrained")


def end_sessions(database):
    with database.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'gatecast'"
        )


def test_a_second_holder_of_a_name_is_refused_and_one_of_another_name_is_not(tmp_path, address):
    with lock(tmp_path, address) as held:
        held.require()
        with (
            pytest.raises(AlreadyRunning, match="oslo is being retrained"),
            lock(tmp_path, address),
        ):
            pass
        with lock(tmp_path, address, "bergen") as other:
            other.require()
    with lock(tmp_path, address) as again:
        again.require()


def test_a_wait_that_is_too_short_names_the_time_that_was_waited(tmp_path, address):
    with (
        lock(tmp_path, address),
        pytest.raises(AlreadyRunning, match="within 1 s"),
        lock(tmp_path, address, wait=0.6),
    ):
        pass


def test_a_waiting_holder_comes_in_as_soon_as_the_other_has_gone(tmp_path, address):
    came = threading.Event()

    def wait():
        with lock(tmp_path, address, wait=60.0) as held:
            held.require()
            came.set()

    waiting = threading.Thread(target=wait)
    with lock(tmp_path, address):
        waiting.start()
        assert not came.wait(0.3)
    waiting.join(60)
    assert came.is_set()


def test_an_error_of_the_work_gives_the_lock_back(tmp_path, address):
    with pytest.raises(TimeoutError, match="the source hangs"), lock(tmp_path, address):
        raise TimeoutError("the source hangs")
    with lock(tmp_path, address):
        pass


def test_only_another_holder_takes_the_turn_and_not_what_the_work_met_on_its_way(tmp_path, address):
    def turn():
        return held_turn(tmp_path, "oslo", address=address, busy="oslo is being retrained")

    with turn() as held:
        held.require()
        with pytest.raises(TurnTaken, match="oslo is being retrained") as refusal, turn():
            pass
    assert refusal.value.code == "ALREADY_RUNNING"
    with lock(tmp_path, address, "files"), pytest.raises(AlreadyRunning) as met, turn():
        lock(tmp_path, address, "files").__enter__()
    assert type(met.value) is AlreadyRunning


def test_a_holder_whose_session_was_ended_notices_and_another_may_have_the_lock(tmp_path, database):
    address = database.address()
    with lock(tmp_path, address) as held:
        held.require()
        end_sessions(database)
        with pytest.raises(LockLost, match="oslo was lost") as refusal:
            held.require()
        with lock(tmp_path, address) as other:
            other.require()
    assert refusal.value.code == "LOCK_LOST"


def test_a_session_that_lives_on_without_its_lock_is_refused_as_well(tmp_path, database):
    with lock(tmp_path, database.address()) as held:
        held._connection.execute("SELECT pg_advisory_unlock_all()")
        with pytest.raises(LockLost, match="a session without it"):
            held.require()


def test_a_holder_that_waits_for_a_database_that_goes_away_is_told(tmp_path, database):
    address, told = database.address(), []

    def wait():
        try:
            with lock(tmp_path, address, wait=60.0):
                pass
        except DatabaseUnavailable as error:
            told.append(error.code)

    with lock(tmp_path, address), database.connect() as connection:
        waiting = threading.Thread(target=wait)
        waiting.start()
        ended = (
            "SELECT pg_terminate_backend(pid) FROM pg_locks"
            " WHERE locktype = 'advisory' AND NOT granted"
        )
        while not connection.execute(ended).fetchall():
            time.sleep(0.01)
        waiting.join(60)
    assert told == ["DATABASE_UNAVAILABLE"]


def test_a_database_that_is_not_there_is_named_by_its_setting():
    address = f"postgresql://gatecast:secret@127.0.0.1:{free_port()}/gatecast"
    with pytest.raises(DatabaseUnavailable, match="lock_uri") as refusal:
        open_database(address, "lock_uri", pauses=(0.01,))
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("password", ["s3cr%zzet", "x@s3cret", "s3cret"])
def test_no_error_and_no_cause_that_a_log_would_show_repeats_a_password(password):
    address = f"postgresql://gatecast:{password}@127.0.0.1:{free_port()}/gatecast"
    with pytest.raises(GatecastError, match="lock_uri") as refusal:
        open_database(address, "lock_uri", pauses=())
    assert "s3cr" not in "".join(traceback.format_exception(refusal.value))


@pytest.mark.parametrize("address", ["mysql://db/locks", "postgresql://a:secret@[/x", "nonsense"])
def test_an_address_of_nothing_we_know_is_refused_without_its_password(address):
    with pytest.raises(SettingsInvalid, match="lock_uri") as refusal:
        open_database(address, "lock_uri", pauses=())
    assert "secret" not in str(refusal.value)


def test_without_the_driver_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(SettingsInvalid, match=r"gatecast\[postgres\]"):
        open_database("postgresql://db/locks", "lock_uri")


def test_the_locks_are_in_the_tracking_database_unless_another_is_named(monkeypatch):
    monkeypatch.delenv("GATECAST_LOCK_URI", raising=False)
    assert load_settings(tracking_uri="").lock_address is None
    assert load_settings(tracking_uri="http://mlflow:5000").lock_address is None
    beside = "postgresql+psycopg://db/mlflow"
    assert load_settings(tracking_uri=beside).lock_address == beside
    monkeypatch.setenv("GATECAST_LOCK_URI", "postgresql://db/locks")
    settings = load_settings(tracking_uri="http://mlflow:5000")
    assert settings.lock_address == "postgresql://db/locks"
    assert "locks" not in repr(settings)


def test_a_lock_by_file_loads_no_driver():
    code = (
        "import sys, forecasting.stores.locks as locks, tempfile, pathlib\n"
        "root = pathlib.Path(tempfile.mkdtemp())\n"
        "with locks.held_lock(root, 'oslo', address=None, wait=0, busy='busy'): pass\n"
        "sys.exit('psycopg' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
