"""Make a request's id without asking the system for randomness each time."""

import itertools
import secrets


class RequestIds:
    """Ids that no other process makes: a random beginning, then a count.

    They name a request in a log; nothing is proved by knowing one.
    """

    def __init__(self) -> None:
        self._beginning = secrets.token_hex(5)
        self._count = itertools.count(secrets.randbelow(2**16))

    def new(self) -> str:
        """Return an id of sixteen hexadecimal digits."""
        return f"{self._beginning}{next(self._count) & 0xFFFFFF:06x}"
