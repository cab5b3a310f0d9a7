"""Remember what failed, and let it rest longer after each further failure."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

LONGEST_BACKOFF_SECONDS: Final = 60.0


@dataclass(frozen=True, kw_only=True)
class _Failure:
    """What was tried, how often it has failed, and when it is tried again."""

    tried: Hashable
    tries: int
    retry_at: float
    code: str


class Backoff:
    """The failures by name; another thing tried under the same name begins anew.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: dict[str, _Failure] = {}

    @property
    def names(self) -> frozenset[str]:
        """The names whose last try failed."""
        return frozenset(self._failures)

    def code(self, name: str) -> str | None:
        """Return the code of a name's last failure, or None."""
        failure = self._failures.get(name)
        return None if failure is None else failure.code

    def rests(self, name: str, tried: Hashable) -> bool:
        """Return whether this very thing failed and its pause is not over."""
        failure = self._failures.get(name)
        return failure is not None and failure.tried == tried and self._clock() < failure.retry_at

    def note(self, name: str, tried: Hashable, code: str) -> float:
        """Note a failure; returns the seconds until the next try."""
        before = self._failures.get(name)
        tries = before.tries + 1 if before is not None and before.tried == tried else 1
        pause = float(min(LONGEST_BACKOFF_SECONDS, 0.5 * 2**tries))
        self._failures[name] = _Failure(
            tried=tried, tries=tries, retry_at=self._clock() + pause, code=code
        )
        return pause

    def forget(self, name: str) -> None:
        """Forget a name's failure, if there is one."""
        self._failures.pop(name, None)
