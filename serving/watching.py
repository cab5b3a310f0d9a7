"""Look at what others write again and again, from a background thread."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

logger = logging.getLogger(__name__)


class Watcher:
    """Runs its looks one after another, pauses, and starts over until it is stopped.

    Args:
        looks: what is done in each pass; each handles the failures it expects.
        pause_seconds: time between two passes.
        name: of the thread.
    """

    def __init__(
        self,
        looks: Sequence[Callable[[], None]],
        pause_seconds: float,
        name: str = "watcher",
    ) -> None:
        self._looks = tuple(looks)
        self._pause = pause_seconds
        self._stop = threading.Event()
        self._passed = threading.Event()
        self._last_pass = 0.0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def ready(self) -> bool:
        """Whether a first pass is done and the next ones will come."""
        return self._passed.is_set() and self._thread.is_alive()

    @property
    def last_pass_age(self) -> float | None:
        """Seconds since the last whole pass; None before the first."""
        return time.monotonic() - self._last_pass if self._passed.is_set() else None

    def start(self) -> None:
        """Begin the first pass and return at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the running pass; returns when the thread has ended."""
        self._stop.set()
        self._thread.join()

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for the first pass; returns whether it is done."""
        return self._passed.wait(timeout_seconds)

    def _run(self) -> None:
        while not self._stop.is_set():
            done = [_done(look) for look in self._looks]
            if all(done):
                self._last_pass = time.monotonic()
                self._passed.set()
            self._stop.wait(self._pause)


def _done(look: Callable[[], None]) -> bool:
    """Look, and outlive what fails, foreseen or not: the next pass looks again."""
    try:
        look()
    except OSError as error:
        logger.warning("the storage answered with an error: %s", error)
        return False
    except Exception:
        # Nothing would be followed any more if one look could end them all.
        logger.exception("a look failed")
        return False
    return True
