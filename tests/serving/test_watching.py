"""The watcher looks until it is stopped, and says when it has looked."""

import threading

import pytest

from serving.watching import Watcher


def test_a_watcher_looks_again_and_again_until_it_is_stopped():
    looks = []
    often = threading.Event()

    def look():
        looks.append(1)
        if len(looks) == 3:
            often.set()

    watcher = Watcher([look], 0.001)
    assert not watcher.ready
    watcher.start()
    assert often.wait(10)
    assert watcher.ready
    watcher.stop()

    seen = len(looks)
    assert not watcher.ready
    assert len(looks) == seen


@pytest.mark.parametrize("error", [OSError(116, "Stale file handle"), AttributeError("items")])
def test_a_watcher_outlives_a_look_that_fails(caplog, error):
    failing = [error]

    def look():
        if failing:
            raise failing.pop()

    watcher = Watcher([look], 0.001)
    watcher.start()
    assert watcher.wait(10)
    assert watcher.ready
    assert 0 <= watcher.last_pass_age < 10
    watcher.stop()

    assert str(error) in caplog.text


def test_a_watcher_is_not_ready_before_its_first_pass_is_whole():
    may_end = threading.Event()
    watcher = Watcher([may_end.wait], 0.001)
    watcher.start()

    assert not watcher.wait(0.05)
    assert not watcher.ready
    may_end.set()
    assert watcher.wait(10)
    watcher.stop()
