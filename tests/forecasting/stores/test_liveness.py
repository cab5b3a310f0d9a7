import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace

import pytest

from forecasting.errors import StorageFailed
from forecasting.stores import liveness
from forecasting.stores.liveness import KEPT, SILENCE, Process, claimed, claims

HOLD = """
import sys, time
from pathlib import Path
from forecasting.stores.liveness import claimed
with claimed(Path(sys.argv[1]), "run-7"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that stands behind run-7; killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def of_another_host(claim, **changes):
    """Rewrite a record as another machine's."""
    process = replace(claim.process, host="elsewhere", **changes)
    claim.path.write_text(json.dumps(asdict(process) | {"flow_run": claim.flow_run}))
    [found] = claims(claim.path.parent.parent)
    return found


def test_a_process_lives_until_it_is_killed_whether_it_sleeps_or_not(tmp_path, holder):
    [claim] = claims(tmp_path)
    assert (claim.flow_run, claim.process.pid) == ("run-7", holder.pid)
    assert not claim.is_dead(time.time())
    holder.send_signal(signal.SIGSTOP)
    assert not claim.is_dead(time.time() + 10 * SILENCE)
    holder.kill()
    holder.wait()
    assert claim.is_dead(time.time())


def test_a_process_that_has_not_been_waited_for_is_dead(tmp_path, holder):
    [claim] = claims(tmp_path)
    holder.kill()
    deadline = time.monotonic() + 10
    while not claim.is_dead(time.time()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert holder.returncode is None


def test_a_later_process_with_the_same_id_is_another_one():
    own = Process.own()
    assert own.runs
    assert Process.of(own.name) == own
    assert not replace(own, started="1").runs
    assert not replace(own, boot="another start of the machine").runs
    assert not replace(own, host="elsewhere").runs


@pytest.mark.parametrize("spoilt", ["", "host", "host|boot|pid|1", "a|b|1"])
def test_a_word_that_names_no_process_is_none(spoilt):
    assert Process.of(spoilt) is None


def test_another_machines_process_is_dead_after_two_heartbeats_and_a_minute(tmp_path):
    with claimed(tmp_path, None) as claim:
        away = of_another_host(claim)
        os.utime(away.path, (1000.0, 1000.0))
        assert not away.is_dead(1000.0 + SILENCE - 1)
        assert away.is_dead(1000.0 + SILENCE + 1)
    assert SILENCE == 120.0


def test_the_record_beats_while_the_process_works(tmp_path, monkeypatch):
    monkeypatch.setattr(liveness, "HEARTBEAT", 0.01)
    with claimed(tmp_path, "run-1") as claim:
        os.utime(claim.path, (1000.0, 1000.0))
        deadline = time.monotonic() + 10
        while claim.beat == 1000.0:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_run_whose_block_has_ended_still_has_a_living_process(tmp_path):
    with claimed(tmp_path, "run-1") as claim:
        pass
    assert not claim.is_dead(time.time())
    claim.remove()
    assert claims(tmp_path) == []
    assert claim.beat == 0.0


def test_a_spoilt_record_counts_for_nobody(tmp_path):
    with claimed(tmp_path, "run-1") as claim:
        claim.path.write_text("{")
        assert claims(tmp_path) == []


def test_records_of_the_long_dead_are_swept_by_the_next(tmp_path, holder):
    [claim] = claims(tmp_path)
    holder.kill()
    holder.wait()
    old = time.time() - KEPT - 5
    os.utime(claim.path, (old, old))
    with claimed(tmp_path, "run-8"):
        assert [each.flow_run for each in claims(tmp_path)] == ["run-8"]


def test_a_home_that_takes_no_record_is_told_by_its_code(tmp_path):
    (tmp_path / "alive").write_text("another's")
    with pytest.raises(StorageFailed), claimed(tmp_path, "run-1"):
        pass
