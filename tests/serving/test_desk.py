"""Bounded work: places, and threads with a deadline."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from serving.desk import CROWDED_SECONDS, Bench, Desk, Overloaded, WorkTimeout


def test_a_full_desk_refuses_and_counts_it():
    desk = Desk(2)

    with desk.taken(), desk.taken(), pytest.raises(Overloaded):
        desk.enter()

    assert (desk.busy, desk.refused) == (0, 1)


def test_a_place_is_given_back_however_the_work_ends():
    desk = Desk(1)

    with pytest.raises(ZeroDivisionError), desk.taken():
        raise ZeroDivisionError

    assert desk.busy == 0


@pytest.fixture
def come():
    """Ask at a desk's door: so many in one turn of the loop, and so many in the next."""

    def act(desk, times):
        async def twice():
            loop = asyncio.get_running_loop()
            first = [desk.lets_come(loop) for _ in range(times)]
            await asyncio.sleep(0)
            return first, [desk.lets_come(loop) for _ in range(times)]

        return asyncio.run(twice())

    return act


def test_in_a_crowd_who_is_let_in_at_the_door_counts_until_the_turn_ends(come):
    desk = Desk(2)
    with desk.taken(), desk.taken(), pytest.raises(Overloaded):
        desk.enter()

    # Nobody enters: in the next turn the places are free again.
    assert come(desk, 3) == ([True, True, False], [True, True, False])


def test_whoever_comes_while_no_place_was_wanted_in_vain_costs_nobody_a_place(come):
    desk = Desk(2)

    assert come(desk, 3) == ([True] * 3, [True] * 3)


def test_a_crowd_is_expected_for_a_while_only(come, monkeypatch):
    desk = Desk(1)
    with desk.taken():
        assert come(desk, 2) == ([False] * 2, [False] * 2)
    assert come(desk, 2) == ([True, False], [True, False])

    later = time.monotonic() + CROWDED_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: later)

    assert come(desk, 2) == ([True] * 2, [True] * 2)


def test_the_bench_works_off_the_event_loop():
    bench = Bench(1, 10)

    assert asyncio.run(bench.do(threading.get_ident)) != threading.get_ident()
    bench.close()


def test_work_that_takes_too_long_is_not_waited_for():
    bench, go_on = Bench(1, 0.05), threading.Event()

    with pytest.raises(WorkTimeout, match=r"0\.05 s"):
        asyncio.run(bench.do(lambda: go_on.wait(20)))
    go_on.set()
    bench.close()


def test_work_that_nobody_waits_for_any_more_is_not_begun():
    bench, go_on, done = Bench(1, 0.05), threading.Event(), []

    async def withdraw():
        first = asyncio.create_task(bench.do(lambda: go_on.wait(20)))
        second = asyncio.create_task(bench.do(lambda: done.append("second")))
        await asyncio.gather(first, second, return_exceptions=True)
        go_on.set()
        return await bench.do(lambda: done.append("third"))

    asyncio.run(withdraw())
    bench.close()

    assert done == ["third"]


def test_a_failure_is_raised_where_it_is_waited_for():
    bench = Bench(1, 10)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(bench.do(lambda: 1 / 0))
    bench.close()


def test_a_bench_that_nobody_closes_lets_the_program_end():
    program = "import asyncio; from serving.desk import Bench; asyncio.run(Bench(2, 9).do(int))"

    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
