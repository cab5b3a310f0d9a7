"""Bounded work: places, and threads with a deadline."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from serving.desk import UNCOUNTED_SECONDS, Bench, Desk, Overloaded, WorkTimeout


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
    """Ask at a desk's door: three in one turn of the loop, and three in the next.

    Whoever is let in enters where `enters` says so, and leaves before the next turn.
    """

    async def one_turn(desk, enters):
        loop = asyncio.get_running_loop()
        let_in = [desk.lets_come(loop) for _ in range(3)]
        if enters:
            loop.call_soon(lambda: [desk.enter() for let in let_in if let])
        for _ in range(3):
            await asyncio.sleep(0)
        if enters:
            [desk.leave() for let in let_in if let]
        return let_in

    def act(desk, *, enters):
        async def twice():
            return await one_turn(desk, enters), await one_turn(desk, enters)

        return asyncio.run(twice())

    return act


def test_who_is_let_in_at_the_door_counts_until_the_turn_ends(come):
    assert come(Desk(2), enters=True) == ([True, True, False], [True, True, False])


def test_where_those_who_were_let_in_do_not_enter_they_cost_nobody_a_place_again(come):
    assert come(Desk(2), enters=False) == ([True, True, False], [True, True, True])


def test_where_most_of_them_enter_they_are_counted_still():
    desk = Desk(4)

    async def come():
        loop = asyncio.get_running_loop()
        for _ in range(5):
            desk.lets_come(loop)
        loop.call_soon(lambda: [desk.enter() for _ in range(3)])
        for _ in range(3):
            await asyncio.sleep(0)
        return [desk.lets_come(loop) for _ in range(2)]

    assert asyncio.run(come()) == [True, False]


def test_once_a_place_is_missing_they_are_counted_again(come):
    desk = Desk(2)
    come(desk, enters=False)

    with desk.taken(), desk.taken(), pytest.raises(Overloaded):
        desk.enter()

    assert come(desk, enters=True)[0] == [True, True, False]


def test_after_a_while_they_are_counted_again(come, monkeypatch):
    desk = Desk(2)
    come(desk, enters=False)
    later = time.monotonic() + UNCOUNTED_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: later)

    assert come(desk, enters=True)[0] == [True, True, False]


def test_a_full_desk_lets_nobody_come(come):
    desk = Desk(2)
    with desk.taken(), desk.taken():
        assert come(desk, enters=False) == ([False] * 3, [False] * 3)


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
