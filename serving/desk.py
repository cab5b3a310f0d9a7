"""Let so much work in at a time, and no more: the rest is told at once to come back."""

import asyncio
import contextvars
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from forecasting.errors import GatecastError

Outcome = TypeVar("Outcome")

#: When a client that was refused may come back, in seconds.
RETRY_SECONDS: Final = 1

#: How long nobody is counted at the door after some who were counted had not entered, in seconds.
UNCOUNTED_SECONDS: Final = 5.0

#: How often an idle thread looks whether the program has ended without telling it, in seconds.
LOOK_SECONDS: Final = 1.0


class Overloaded(GatecastError):
    """As much as this service handles is in work."""

    code = "OVERLOADED"


class WorkTimeout(GatecastError):
    """The work was not done when its time was over."""

    code = "WORK_TIMEOUT"


class Desk:
    """Counts what is in work; used from the event loop alone, so it needs no lock.

    Args:
        places: how much may be in work or waiting at a time.
        what: what is in work, for the message of a refusal.
    """

    def __init__(self, places: int, what: str = "requests") -> None:
        self._places = places
        self._what = what
        self._coming = 0
        self._entered = 0
        self._held_back = False
        self._uncounted_until = -math.inf
        self.busy = 0
        self.refused = 0

    @property
    def full(self) -> bool:
        """Whether no place is free."""
        return self.busy >= self._places

    def refuse(self) -> Overloaded:
        """Count a refusal; returns what is told."""
        self.refused += 1
        return Overloaded(f"too many {self._what} at a time", expected="another try in a second")

    def enter(self) -> None:
        """Take a place.

        Raises:
            Overloaded: none is free.
        """
        if self.full:
            self._uncounted_until = -math.inf
            raise self.refuse()
        self.busy += 1
        self._entered += 1

    def leave(self) -> None:
        """Give the place back."""
        self.busy -= 1

    def lets_come(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Return whether there is a place for one more who is going to enter in this turn.

        Whoever is let in at the door enters at the end of the turn: without counting them, all
        that come in one turn find the same free place, and all but one are refused behind the
        door, for ten times the work. But those who are refused for another reason, such as a
        wrong key, take no place and must cost nobody one: where some were held back for others
        most of whom then did not enter, nobody is counted for a while, or until a place is missing.
        """
        if self.full:
            return False
        if self.busy + self._coming >= self._places and time.monotonic() >= self._uncounted_until:
            self._held_back = True
            return False
        if not self._coming:
            loop.call_soon(self._end_turn, loop)
        self._coming += 1
        return True

    def _end_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        # Those who were let in enter after this, and before what is called from here.
        if self._held_back:
            loop.call_soon(self._look_back, self._coming, self._entered)
        self._coming, self._held_back = 0, False

    def _look_back(self, came: int, before: int) -> None:
        # One wrong key among many is a crowd all the same.
        if 2 * (self._entered - before) < came:
            self._uncounted_until = time.monotonic() + UNCOUNTED_SECONDS

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a place for as long as the block."""
        self.enter()
        try:
            yield
        finally:
            self.leave()


class Bench:
    """A few threads that forecast, so that the event loop stays free to answer everybody else.

    A graph runs outside Python's lock: while one forecast is in a thread, the loop reads the
    next request. More threads than cores would only get in each other's way. Python's own pool
    does the same for five times the work: a fifth of what a forecast costs the loop.

    Args:
        threads: how many work side by side.
        seconds: the longest that an answer is waited for, waiting for a thread included.
    """

    def __init__(self, threads: int, seconds: float) -> None:
        self.threads = threads
        self._seconds = seconds
        self._started: list[threading.Thread] = []
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    async def do(self, work: Callable[[], Outcome]) -> Outcome:
        """Run the work in one of the threads.

        Raises:
            WorkTimeout: it was not done in time; what runs by then is not stopped.
        """
        promise: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        # The request's id goes with it, for the log.
        self.hand(_Job(promise, contextvars.copy_context(), work).do)
        return await self.wait(promise)

    def hand(self, job: Callable[[], None]) -> None:
        """Let one of the threads do a job, and do not wait for it."""
        if not self._started:
            self._start()
        self.go_on(job)

    def go_on(self, job: Callable[[], None]) -> None:
        """Let one of the threads do what another of them has come to."""
        self._waiting.put(job)

    async def wait(self, promise: "asyncio.Future[Outcome]") -> Outcome:
        """Wait for a promise that a job in one of the threads keeps.

        Raises:
            WorkTimeout: as `do`.
        """
        ending = promise.get_loop().call_later(self._seconds, self._give_up, promise)
        try:
            return await promise
        finally:
            ending.cancel()

    def close(self) -> None:
        """Let the threads end once they have nothing to do."""
        for _ in self._started:
            self._waiting.put(None)
        self._started = []

    def _start(self) -> None:
        for place in range(self.threads):
            thread = threading.Thread(target=_work, args=(self._waiting,), name=f"bench-{place}")
            self._started.append(thread)
            thread.start()

    def _give_up(self, promise: "asyncio.Future[Any]") -> None:
        expected = f"at most {self._seconds:g} s"
        keep(promise, None, WorkTimeout("the answer took too long", expected=expected))


@dataclass(frozen=True)
class _Job:
    """Work on its way to a thread, and who waits for it."""

    promise: "asyncio.Future[Any]"
    context: contextvars.Context
    work: Callable[[], Any]

    def do(self) -> None:
        """Do it, unless nobody waits for it any more, and tell the event loop."""
        if self.promise.done():
            return
        found: Any = None
        failed: BaseException | None = None
        try:
            found = self.context.run(self.work)
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            failed = error
        # A loop that has ended waits for nothing.
        with suppress(RuntimeError):
            self.promise.get_loop().call_soon_threadsafe(keep, self.promise, found, failed)


def keep(promise: "asyncio.Future[Any]", found: object, failed: BaseException | None) -> None:
    """Keep a promise that nobody has kept, broken or withdrawn."""
    if promise.done():
        return
    if failed is None:
        promise.set_result(found)
    else:
        promise.set_exception(failed)


def _work(waiting: "SimpleQueue[Callable[[], None] | None]") -> None:
    """Do one job after the other until told to end, or until the program ends."""
    while True:
        try:
            job = waiting.get(timeout=LOOK_SECONDS)
        except Empty:
            if threading.main_thread().is_alive():
                continue
            return
        if job is None:
            return
        job()
