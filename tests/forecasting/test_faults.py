import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from forecasting.errors import SettingsInvalid
from forecasting.faults import EXIT_CODE, POINTS, VARIABLE, armed, parse_fault, reach
from forecasting.stores.files import write_json


@pytest.fixture
def ask(monkeypatch):
    """Ask for a fault in this process, as the environment would; nothing is asked for after."""

    def act(text):
        monkeypatch.setenv(VARIABLE, text)
        armed.cache_clear()

    yield act
    monkeypatch.undo()
    armed.cache_clear()


def forked(work):
    """Do the work in a child; returns how it ended."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    return os.waitpid(child, 0)[1]


def test_nothing_happens_at_any_point_where_no_fault_is_asked_for(ask):
    ask("")

    for point in POINTS:
        reach(point)

    assert armed() is None


def test_an_error_is_raised_at_the_wanted_passing_of_its_point_alone(ask):
    ask("land.kept@2:error=ENOSPC")

    reach("land.kept")
    reach("land.checked")
    with pytest.raises(OSError, match="No space left") as raised:
        reach("land.kept")
    reach("land.kept")

    assert raised.value.errno == errno.ENOSPC


def test_a_kill_is_a_sigkill_of_the_process_that_passes(ask):
    ask("land.kept:kill")

    assert forked(lambda: reach("land.kept")) == signal.SIGKILL


def test_an_exit_ends_the_process_at_once(ask):
    ask("land.kept:exit")

    assert os.waitstatus_to_exitcode(forked(lambda: reach("land.kept"))) == EXIT_CODE


def test_every_passing_is_noted_by_its_name(ask, tmp_path):
    ask(f"any:note={tmp_path / 'passed'}")

    reach("land.checked")
    reach("land.kept")

    assert (tmp_path / "passed").read_text().split() == ["land.checked", "land.kept"]


@pytest.mark.parametrize("text", ["land.kept", "land.kept:burn", "land.kept@0:kill", ":kill"])
def test_a_fault_of_another_form_is_refused(text):
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        parse_fault(text)


def test_a_point_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(
        SettingsInvalid, match=r"names no point; expected file\.begun, .*land\.lost"
    ):
        parse_fault("land.lost:kill")


def test_an_error_that_does_not_exist_is_refused():
    with pytest.raises(SettingsInvalid, match="names no error; expected as ENOSPC; found ENOTHING"):
        parse_fault("land.kept:error=ENOTHING")


def test_the_program_refuses_at_its_start_a_fault_that_names_no_point(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "gatecast", "data", "list"],
        capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, VARIABLE: "land.lost:kill", "GATECAST_HOME": str(tmp_path)},
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr.startswith("gatecast: SETTINGS_INVALID: GATECAST_FAULT names no point")


def test_a_kill_before_the_rename_leaves_the_old_bytes(ask, tmp_path):
    path = tmp_path / "some.json"
    write_json(path, "old")
    ask("file.written:kill")

    ended = forked(lambda: write_json(path, "new"))

    assert ended == signal.SIGKILL
    assert path.read_text() == '"old"\n'


def test_every_point_stands_in_the_page_that_explains_them():
    page = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text()

    assert [point for point in POINTS if f"`{point}`" not in page] == []
