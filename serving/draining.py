"""End without losing a request: say "not ready", let clients move on, then let the server stop."""

import asyncio
import os
import signal
import threading
from multiprocessing import parent_process
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Draining:
    """Stands between SIGTERM and the server for as long as its clients need to move on.

    From the signal on `begun` is true: readiness answers 503 and every answer asks its client
    to close the connection, while all requests are still answered. After `seconds` the server's
    own handler is told, which stops listening and lets what is in flight end. A second signal is
    passed on at once.

    Args:
        seconds: how long a proxy needs to see that this process is not ready; 0 passes on.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._before: dict[int, signal.Handlers | None] = {}
        self.begun = False

    def install(self) -> None:
        """Take the server's signals; must run in its event loop.

        Does nothing off the main thread, where signals cannot be had.
        """
        if self._seconds <= 0 or threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()

        def drain(number: int, frame: FrameType | None) -> None:
            before = self._before[number]
            if not callable(before):
                return
            if self.begun:
                before(number, frame)
                return
            self.begun = True
            loop.call_soon_threadsafe(loop.call_later, self._seconds, before, number, None)

        for number in SIGNALS:
            before = signal.getsignal(number)
            if callable(before):
                self._before[number] = before  # type: ignore[assignment]
                signal.signal(number, drain)


def end_with_parent() -> None:
    """Let a worker end once the process that started it is gone, however that one ended.

    A worker left alone would keep the port from the next start, and answer for nobody.
    """
    parent = parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()
