"""Answer together what waits for the same thread: three forecasts at once take twice one's time."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
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

    async def ask(self, asked: Asked) -> Outcome:
        """Return the answer.

        Raises:
            WorkTimeout: as `Bench.do`.
            BaseException: what the work raised, to all that were answered together.
        """
        promise: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(promise, asked))
        return await self._bench.wait(promise, self._answer)

    def _answer(self) -> None:
        """Answer whoever waits, in a thread; nothing where another has answered them all."""
        taken = _taken(self._waiting, self._most())
        if not taken:
            return
        found: Sequence[Any] = [None] * len(taken)
        failed: BaseException | None = None
        try:
            found = self._work([each.asked for each in taken])
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            failed = error
        # A loop that has ended waits for nothing.
        with suppress(RuntimeError):
            taken[0].promise.get_loop().call_soon_threadsafe(_keep_all, taken, found, failed)


@dataclass(frozen=True)
class _Waiting:
    """What is asked, and who waits for the answer."""

    promise: "asyncio.Future[Any]"
    asked: Any


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
