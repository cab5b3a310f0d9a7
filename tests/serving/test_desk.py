"""Bounded work: places, threads with a deadline, and histories that run together."""

import asyncio
import threading
import time

import numpy as np
import pytest

from forecasting.errors import ModelOutputInvalid
from serving.batches import MOST, Batches
from serving.desk import Bench, Desk, Overloaded, WorkTimeout
from serving.history import History


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


class Slow:
    """Stands for a forecaster: answers with the origins, remembers the sizes of its runs."""

    def __init__(self, seconds=0.02, bad=()):
        self.runs, self._seconds, self._bad = [], seconds, set(bad)

    def many(self, histories):
        self.runs.append(len(histories))
        time.sleep(self._seconds)
        if self._bad & {each.origin for each in histories}:
            raise ModelOutputInvalid("the forecast is not finite")
        return np.array([[[each.origin]] for each in histories], np.float64)


async def ask_all(forecaster, count, bench):
    batches = Batches(bench)
    nothing = np.zeros((60, 1), np.float32)
    asked = (batches.quantiles(forecaster, History(nothing, number)) for number in range(count))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert batches._waiting == {}
    return answers


@pytest.fixture
def bench():
    bench = Bench(1, 10)
    yield bench
    bench.close()


def test_histories_that_wait_run_together_and_each_gets_its_own_forecast(bench):
    forecaster = Slow()

    answers = asyncio.run(ask_all(forecaster, 40, bench))

    assert [answer.item() for answer in answers] == list(range(40))
    assert max(forecaster.runs) == MOST
    assert len(forecaster.runs) <= 4


def test_a_bad_history_costs_no_other_its_forecast(bench):
    answers = asyncio.run(ask_all(Slow(seconds=0, bad={3}), 8, bench))

    assert [type(answer) for answer in answers].count(ModelOutputInvalid) == 1
    assert isinstance(answers[3], ModelOutputInvalid)
    assert [answer.item() for number, answer in enumerate(answers) if number != 3] == [
        0, 1, 2, 4, 5, 6, 7,
    ]  # fmt: skip


def test_whoever_stops_waiting_does_not_disturb_the_others(bench):
    async def leave():
        batches, forecaster = Batches(bench), Slow(seconds=0.1)
        nothing = np.zeros((60, 1), np.float32)
        asked = [
            asyncio.create_task(batches.quantiles(forecaster, History(nothing, number)))
            for number in range(4)
        ]
        await asyncio.sleep(0.01)
        asked[0].cancel()
        asked[2].cancel()
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = asyncio.run(leave())

    assert [isinstance(answer, asyncio.CancelledError) for answer in answers] == [
        True, False, True, False,
    ]  # fmt: skip
    assert answers[3].item() == 3


def test_an_unforeseen_error_reaches_all_who_wait(bench):
    class Broken:
        def many(self, histories):
            return len(histories) / 0

    answers = asyncio.run(ask_all(Broken(), 3, bench))

    assert all(isinstance(answer, ZeroDivisionError) for answer in answers)
