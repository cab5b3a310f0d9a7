"""Run the program that brings the pointers in step with the registry, one run at a time."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Final

from forecasting.stores.files import write_json

#: The child holds MLflow, so that this process need not.
RECONCILE: Final = (sys.executable, "-m", "forecasting.stores.reconcile")


@dataclass(frozen=True, kw_only=True)
class Run:
    """The last run that reached the registry: when it asked (Unix), and what it found deleted.

    `deleted` has the published version of every model whose version the registry no longer has.
    """

    asked: float = 0.0
    deleted: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "Run":
        """Read the run that any worker of this home wrote last; none where it cannot be read."""
        try:
            content = json.loads(path.read_bytes())
            return cls(asked=float(content["asked"]), deleted=dict(content["deleted"]))
        except (OSError, ValueError, TypeError, KeyError):
            return cls()

    @classmethod
    def of(cls, started: float, report: str) -> "Run":
        """Build a run from the one line that the child wrote; a silent child found nothing."""
        try:
            content = json.loads(report)
            deleted = {str(name): int(each) for name, each in content["deleted"].items()}
            return cls(asked=float(content["asked"]), deleted=deleted)
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls(asked=started)

    def write(self, path: Path) -> None:
        """Tell the other workers of this home."""
        write_json(path, asdict(self))


@dataclass(frozen=True, kw_only=True)
class Ending:
    """The last line of a child's output, and of its complaints; empty where there was none."""

    report: str
    complaint: str


class Child:
    """One run of the reconciling program, at the lowest priority."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self._born = time.monotonic()
        with ExitStack() as closing_on_failure:
            # Files, not pipes: nobody reads while it runs. They are closed when the child ends.
            self._complaints: IO[bytes] = closing_on_failure.enter_context(tempfile.TemporaryFile())
            self._said: IO[bytes] = closing_on_failure.enter_context(tempfile.TemporaryFile())
            self._process = subprocess.Popen(  # noqa: S603 - our own command, never a request's
                command,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._complaints,
            )
            closing_on_failure.pop_all()
        # It may have ended already.
        with suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, 19)

    @property
    def age(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._born

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self._process.poll()

    def end(self, grace_seconds: float) -> Ending:
        """End it if it still runs; returns what it said."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(grace_seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        return Ending(report=_last_line(self._said), complaint=_last_line(self._complaints))


def _last_line(file: IO[bytes]) -> str:
    with file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 2**20))
        lines = file.read().decode(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "")
