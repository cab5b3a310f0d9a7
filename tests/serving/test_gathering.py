"""What waits for a thread is answered together, and nobody is answered with another's answer."""

import asyncio
import threading
from functools import partial
from itertools import chain, pairwise
from unittest.mock import Mock

import pytest

from serving.desk import Bench, Desk, WorkTimeout
from serving.forecasts import Prepared, Question
from serving.gathering import Gathering, InTurn
from serving.posting import Posts
from serving.settings import ServingSettings
from serving.trying import MOST_TOGETHER, Pace


class Work:
    """Doubles numbers; the first call waits until it may go on, so that others come meanwhile."""

    def __init__(self):
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.calls = []

    def __call__(self, asked):
        self.calls.append(list(asked))
        self.begun.set()
        self.go_on.wait(20)
        if "fail" in asked:
            raise ZeroDivisionError
        return [2 * each for each in asked]


def ask_while_one_is_in_work(work, others, *, most=8, seconds=20.0):
    """Ask for 1, and for the others while that is in work; returns all outcomes."""
    bench = Bench(1, seconds)
    gathering = Gathering(bench, work, lambda: most)

    async def ask():
        first = asyncio.create_task(gathering.ask(1))
        while not work.begun.is_set():
            await asyncio.sleep(0.001)
        rest = [asyncio.create_task(gathering.ask(each)) for each in others]
        # Each has got in the line before the thread goes on.
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(2 * min(seconds, 0.05), work.go_on.set)
        return await asyncio.gather(first, *rest, return_exceptions=True)

    try:
        return asyncio.run(ask())
    finally:
        bench.close()


def test_each_gets_the_answer_to_what_he_asked():
    work = Work()

    assert ask_while_one_is_in_work(work, range(2, 30)) == [2 * each for each in range(1, 30)]
    assert [*chain(*work.calls)] == [*range(1, 30)]


def test_all_that_wait_are_answered_at_once_and_no_more_than_may_be():
    work = Work()

    ask_while_one_is_in_work(work, range(2, 20), most=8)

    assert [len(call) for call in work.calls] == [1, 8, 8, 2]


def test_who_asks_alone_waits_for_nobody():
    work = Work()

    assert ask_while_one_is_in_work(work, []) == [2]
    assert work.calls == [[1]]


def test_what_is_asked_in_one_turn_is_answered_together_though_a_thread_is_free():
    work = Work()
    work.go_on.set()
    bench = Bench(1, 20.0)
    gathering = Gathering(bench, work, lambda: 8)

    async def ask():
        return await asyncio.gather(*(gathering.ask(each) for each in (1, 2, 3)))

    try:
        assert asyncio.run(ask()) == [2, 4, 6]
    finally:
        bench.close()
    assert work.calls == [[1, 2, 3]]


@pytest.mark.parametrize("threads", [1, 3])
def test_nobody_is_forgotten_whenever_he_comes(threads):
    bench = Bench(threads, 20.0)
    gathering = Gathering(bench, lambda asked: [2 * each for each in asked], lambda: 2)

    async def ask(one):
        for turn in range(300):
            assert await gathering.ask((one, turn)) == (one, turn, one, turn)
            await asyncio.sleep(0.0001 * (turn % 3))

    async def ask_all():
        await asyncio.gather(*(ask(one) for one in range(5)))

    try:
        asyncio.run(ask_all())
    finally:
        bench.close()


def test_a_failure_is_raised_to_all_that_were_answered_together_and_to_no_other():
    outcomes = ask_while_one_is_in_work(Work(), ["fail", "a"], most=1)

    assert outcomes[0] == 2
    assert isinstance(outcomes[1], ZeroDivisionError)
    assert outcomes[2] == "aa"


def test_who_has_stopped_waiting_is_not_worked_for():
    work = Work()

    outcomes = ask_while_one_is_in_work(work, [2, 3], seconds=0.05)

    assert all(isinstance(each, WorkTimeout) for each in outcomes)
    assert work.calls == [[1]]


@pytest.mark.parametrize("most", [1, 3])
def test_more_than_may_be_answered_at_once_come_in_their_order(most):
    work = Work()

    ask_while_one_is_in_work(work, range(2, 12), most=most)

    assert [*chain(*work.calls)] == [*range(1, 12)]
    assert max(len(call) for call in work.calls) <= most


def test_while_others_are_turned_away_a_graph_takes_one_history_at_a_time():
    desk = Desk(2)
    posts = Posts(Mock(), Bench(1, 20), desk, ServingSettings(telemetry=False))

    with desk.taken():
        assert posts._most() == MOST_TOGETHER
        with desk.taken():
            assert posts._most() == 1


def ask_in_turn(work, numbers, most=4):
    in_turn = InTurn(work, most)

    async def ask():
        asked = (in_turn.ask(each) for each in numbers)
        return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(ask())


def test_in_turn_each_gets_the_answer_to_what_he_asked_and_no_more_are_answered_than_may_be():
    calls = []

    def double(asked):
        calls.append(list(asked))
        return [2 * each for each in asked]

    assert ask_in_turn(double, range(10)) == [2 * each for each in range(10)]
    assert calls == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_in_turn_who_comes_one_turn_later_is_answered_with_those_before():
    calls = []

    def note(asked):
        calls.append(list(asked))
        return asked

    in_turn = InTurn(note, 4)

    async def ask_later():
        await asyncio.sleep(0)
        return await in_turn.ask("later")

    async def ask():
        return await asyncio.gather(in_turn.ask("first"), ask_later())

    assert asyncio.run(ask()) == ["first", "later"]
    assert calls == [["first", "later"]]


def test_in_turn_others_have_a_turn_between_two_answers():
    order = []

    def note(asked):
        order.append("answer")
        return asked

    in_turn = InTurn(note, 1)

    async def look():
        for _ in range(6):
            await asyncio.sleep(0)
            order.append("look")

    async def ask():
        await asyncio.gather(*(in_turn.ask(each) for each in range(3)), look())

    asyncio.run(ask())
    answers = [place for place, each in enumerate(order) if each == "answer"]
    assert len(answers) == 3
    assert all("look" in order[one:other] for one, other in pairwise(answers))


def test_in_turn_a_failure_is_raised_to_those_that_were_answered_together_and_to_no_other():
    def halve(asked):
        return [10 // each for each in asked]

    outcomes = ask_in_turn(halve, [1, 0, 2, 5], most=2)

    assert [type(each) for each in outcomes[:2]] == [ZeroDivisionError] * 2
    assert outcomes[2:] == [5, 2]


def test_a_wish_for_several_targets_is_not_quick_though_each_of_its_graphs_is():
    quick = Mock(pace=Pace(together=1, quick=True))
    one, other = (Question(target=name, forecaster=quick) for name in ("rain", "wind"))
    usual = Question(target="sun")
    asked = partial(Prepared, wish=Mock(), record=Mock(), posted=None, now=0.0)

    assert asked(questions=(one,)).quick
    assert asked(questions=(one, usual)).quick
    assert not asked(questions=(one, other)).quick
