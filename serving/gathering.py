"""Answer together what waits for the same graph: three forecasts at once take twice one's time."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from serving.desk import Bench, keep

Asked = TypeVar("Asked")
Outcome = TypeVar("Outcome")


class Gathering(Generic[Asked, Outcome]):
    """Hands a thread what waits for it once it is free; nobody waits for others to come.

    To be asked from one event loop.

    Args:
        bench: the threads.
        work: answers so many at once, in their order.
        most: says how many are answered at once, at most.
    """

    def __init__(
        self,
        bench: Bench,
        work: Callable[[Sequence[Asked]], Sequence[Outcome]],
        most: Callable[[], int],
    ) -> None:
        self._bench = bench
        self._work = work
        self._most = most
        self._waiting: deque[_Waiting] = deque()
        #: One for each thread that is not at work here.
        self._free = deque(range(bench.threads))
        self._calling = False

    async def ask(self, asked: Asked) -> Outcome:
        """Return the answer.

        Raises:
            WorkTimeout: as `Bench.do`.
            BaseException: what the work raised, to all that were answered together.
        """
        loop = asyncio.get_running_loop()
        promise: asyncio.Future[Outcome] = loop.create_future()
        self._waiting.append(_Waiting(promise, asked))
        if self._free and not self._calling:
            # At the end of this turn, which may bring others: a thread is woken once for all.
            self._calling = True
            loop.call_soon(self._call)
        return await self._bench.wait(promise)

    def _call(self) -> None:
        """Wake as many threads as what waits is enough for; who is awake looks by himself."""
        self._calling = False
        for _ in range(0, len(self._waiting), self._most()):
            with suppress(IndexError):
                self._bench.hand(partial(self._answer, self._free.pop()))

    def _answer(self, place: int) -> None:
        """Answer whoever waits, in a thread, and come back as long as others wait."""
        try:
            if taken := _taken(self._waiting, self._most()):
                outcome = _answered(self._work, taken)
                # A loop that has ended waits for nothing.
                with suppress(RuntimeError):
                    loop = taken[0].promise.get_loop()
                    loop.call_soon_threadsafe(_keep_all, taken, *outcome)
        finally:
            self._free.append(place)
            # Who came while no thread was free has called none.
            if self._waiting:
                with suppress(IndexError):
                    self._bench.go_on(partial(self._answer, self._free.pop()))


class InTurn(Generic[Asked, Outcome]):
    """Answers in the event loop itself, for work that takes less than to hand it to a thread.

    What is asked waits for the next turn of the loop: whoever was answered a moment ago asks
    again by then. Between two answers the loop has a turn for everybody else.

    Args:
        work: answers so many at once, in their order.
        most: how many are answered at once, at most.
    """

    def __init__(self, work: Callable[[Sequence[Asked]], Sequence[Outcome]], most: int) -> None:
        self._work = work
        self._most = most
        self._waiting: deque[_Waiting] = deque()
        self._called = False

    async def ask(self, asked: Asked) -> Outcome:
        """Return the answer.

        Raises:
            BaseException: what the work raised, to all that were answered together.
        """
        loop = asyncio.get_running_loop()
        promise: asyncio.Future[Outcome] = loop.create_future()
        self._waiting.append(_Waiting(promise, asked))
        if not self._called:
            self._called = True
            loop.call_soon(self._let_others_come, loop)
        return await promise

    def _let_others_come(self, loop: asyncio.AbstractEventLoop) -> None:
        if len(self._waiting) < self._most:
            loop.call_soon(self._answer, loop)
        else:
            self._answer(loop)

    def _answer(self, loop: asyncio.AbstractEventLoop) -> None:
        taken = _taken(self._waiting, self._most)
        self._called = bool(self._waiting)
        if self._called:
            loop.call_soon(self._answer, loop)
        if taken:
            _keep_all(taken, *_answered(self._work, taken))


@dataclass(frozen=True)
class _Waiting:
    """What is asked, and who waits for the answer."""

    promise: "asyncio.Future[Any]"
    asked: Any


def _answered(
    work: Callable[[Sequence[Any]], Sequence[Any]], taken: Sequence[_Waiting]
) -> tuple[Sequence[Any], BaseException | None]:
    """Return what the work says to each, or what it raised."""
    try:
        return work([each.asked for each in taken]), None
    except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
        return [None] * len(taken), error


def _keep_all(
    taken: Sequence[_Waiting], found: Sequence[Any], failed: BaseException | None
) -> None:
    """Keep the promises in the event loop: it is woken once for all of them."""
    for each, outcome in zip(taken, found, strict=True):
        keep(each.promise, outcome, failed)


def _taken(waiting: "deque[_Waiting]", most: int) -> list[_Waiting]:
    """Take those that have waited longest, but nobody who has stopped waiting."""
    taken: list[_Waiting] = []
    with suppress(IndexError):
        while len(taken) < most:
            each = waiting.popleft()
            if not each.promise.done():
                taken.append(each)
    return taken
