"""Let so much work in at a time, and no more: the rest is told at once to come back."""

import asyncio
import contextvars
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

from forecasting.errors import GatecastError

Outcome = TypeVar("Outcome")

#: When a client that was refused may come back, in seconds.
RETRY_SECONDS: Final = 1


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
            raise self.refuse()
        self.busy += 1

    def leave(self) -> None:
        """Give the place back."""
        self.busy -= 1

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
    next request. More threads than cores would only get in each other's way.

    Args:
        threads: how many work side by side.
        seconds: the longest that an answer is waited for, waiting for a thread included.
    """

    def __init__(self, threads: int, seconds: float) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="bench")
        self._seconds = seconds

    async def do(self, work: Callable[[], Outcome]) -> Outcome:
        """Run the work in one of the threads.

        Raises:
            WorkTimeout: it was not done in time; what runs by then is not stopped.
        """
        loop = asyncio.get_running_loop()
        # The request's id goes with it, for the log.
        doing = loop.run_in_executor(self._pool, contextvars.copy_context().run, work)
        try:
            async with asyncio.timeout(self._seconds):
                return await doing
        except TimeoutError as error:
            raise WorkTimeout(
                "the answer took too long", expected=f"at most {self._seconds:g} s"
            ) from error

    def close(self) -> None:
        """Let the threads end once they have nothing to do."""
        self._pool.shutdown(wait=False, cancel_futures=True)
