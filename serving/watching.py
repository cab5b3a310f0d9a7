"""Look at the home folder again and again from one background thread."""

import threading
from collections.abc import Callable, Sequence


class Watcher:
    """Runs its looks one after another, pauses, and starts over until it is stopped.

    Args:
        looks: what is done in each pass; each handles the failures it expects.
        pause_seconds: time between two passes.
    """

    def __init__(self, looks: Sequence[Callable[[], None]], pause_seconds: float) -> None:
        self._looks = tuple(looks)
        self._pause = pause_seconds
        self._stop = threading.Event()
        self._passed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    @property
    def ready(self) -> bool:
        """Whether a first pass is done and the next ones will come."""
        return self._passed.is_set() and self._thread.is_alive()

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
            for look in self._looks:
                look()
            self._passed.set()
            self._stop.wait(self._pause)
