"""Give each request an id: its client's, or one made without asking the system for randomness."""

import itertools
import re
import secrets
from typing import Final

from serving.safe_headers import Headers

#: What a client may call its request; it is written into the log and sent back.
FIT: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")


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

    def of(self, headers: Headers) -> str:
        """Return the client's `X-Request-Id` if it is plain and short, else a new id."""
        for name, value in headers:
            # A key put where an id belongs would be logged.
            if name == b"x-request-id" and FIT.fullmatch(value) and b"gck_" not in value:
                return value.decode()
        return self.new()
