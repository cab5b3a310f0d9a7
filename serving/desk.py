"""Let so many texts be read and written at a time, and no more: the rest are told to come back."""

from collections.abc import Iterator
from contextlib import contextmanager

from forecasting.errors import GatecastError


class Overloaded(GatecastError):
    """As many texts as this service handles are in work."""

    code = "OVERLOADED"


class Desk:
    """Counts the texts in work; used from the event loop alone, so it needs no lock.

    Args:
        places: most texts at a time.
    """

    def __init__(self, places: int) -> None:
        self._free = places

    def enter(self) -> None:
        """Take a place.

        Raises:
            Overloaded: none is free.
        """
        if self._free < 1:
            raise Overloaded("too many texts at a time", expected="another try in a second")
        self._free -= 1

    def leave(self) -> None:
        """Give the place back."""
        self._free += 1

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a place for as long as the block."""
        self.enter()
        try:
            yield
        finally:
            self.leave()
