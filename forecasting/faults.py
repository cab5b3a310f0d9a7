"""Stop the program at a named point on purpose: `GATECAST_FAULT=promote.named:kill`.

The form is `POINT[@PASS]:ACT`. PASS says at which passing of the point it happens, the first
where it is left out; `any` stands for every point. ACT is `kill` (SIGKILL, as a power cut or the
kernel's memory killer), `exit` (the process ends at once, code 70), `error=ENOSPC` (any name of
errno: the point raises that OSError) or `note=FILE` (each passing appends the point's name).
"""

import errno
import os
import re
import signal
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from forecasting.errors import SettingsInvalid

VARIABLE: Final = "GATECAST_FAULT"

#: Each point, and what has just happened there; in the order of a retraining.
POINTS: Final = {
    "file.begun": "a file's temporary is open and empty",
    "file.written": "a file's temporary is whole and flushed, not yet renamed",
    "file.renamed": "a file has its name, its folder is not yet flushed",
    "land.checked": "the raw file was read and has the declared form; nothing is kept",
    "land.kept": "the raw bytes are kept, their card is not",
    "admit.judged": "the checks' report is written; neither series nor verdict is",
    "admit.kept": "the series is kept without its verdict",
    "admit.bound": "the verdict is kept, the station's record is not",
    "admit.remembered": "the station's record is written",
    "split.planned": "the plan is written",
    "fit.checkpointed": "an epoch's checkpoint is written, older ones are not yet dropped",
    "fit.trained": "a member is trained, its weights are not written",
    "fit.weighed": "a member's weights are written",
    "judge.judged": "the candidates are judged, the judgement is not written",
    "judge.written": "the judgement is written, not logged to the run",
    "refit.trained": "the refit is exported, not compared",
    "refit.written": "the refit's verdict is written, not logged",
    "publish.begun": "nothing of the version exists",
    "publish.opened": "the logged model is open and empty",
    "publish.packaged": "the version's files lie in a scratch folder",
    "publish.logged": "the files are in the artifact store, the logged model is still open",
    "publish.closed": "the logged model is closed, no version is registered",
    "publish.registered": "the version is registered, without an alias",
    "promote.begun": "the lock is not yet taken",
    "promote.locked": "the lock is held, nothing is read",
    "promote.checked": "the version's files are verified and asked",
    "promote.intended": "the decision is written down, no alias is moved",
    "promote.kept": "the earlier champion has the alias `previous` as well",
    "promote.named": "the alias `champion` is moved; neither log nor pointer is",
    "promote.recorded": "the move is in the log, the decision is not in its own",
    "promote.logged": "the decision is in its log, the pointer is the old one",
    "promote.copied": "the published files lie in a temporary folder",
    "promote.placed": "the published files have their folder, the pointer is the old one",
    "promote.pointed": "the pointer is the new one; the lock is held",
    "decide.promoted": "the promotion is done, the run does not say so",
    "decide.logged": "the run and the version say so, the decision log does not",
    "decide.kept": "the decision log says so",
    "close.begun": "the workspace is still there",
    "close.removed": "the workspace is gone, the run is open",
}

#: Stands for every point.
ANY: Final = "any"

#: How a process ends at `exit`.
EXIT_CODE: Final = 70

FORM: Final = re.compile(r"([a-z.]+)(?:@([1-9][0-9]*))?:(kill|exit|error=(E[A-Z0-9]+)|note=(.+))")


@dataclass(kw_only=True)
class Fault:
    """What happens at which passing of which point; it counts the passings of its process."""

    point: str
    at: int
    act: str
    passed: int = 0

    def meet(self, point: str) -> None:
        """Pass a point, or do there what was asked for.

        Raises:
            OSError: the act is an error.
        """
        if self.point not in (ANY, point):
            return
        self.passed += 1
        kind, _, value = self.act.partition("=")
        if kind == "note":
            _note(Path(value), point)
        elif self.passed == self.at:
            _act(kind, value)


def reach(point: str) -> None:
    """Pass a named point: a look at a cached None, but for where a fault was asked for.

    Raises:
        OSError: an error was asked for at this point.
    """
    fault = armed()
    if fault is not None:
        fault.meet(point)


@cache
def armed() -> Fault | None:
    """Read the environment once; None where no fault is asked for.

    Raises:
        SettingsInvalid: it names no point that exists, or no act.
    """
    text = os.environ.get(VARIABLE, "")
    return parse_fault(text) if text else None


def parse_fault(text: str) -> Fault:
    """Read `POINT[@PASS]:ACT`.

    Raises:
        SettingsInvalid: it has another form, or there is no such point or error.
    """
    found = FORM.fullmatch(text)
    if found is None:
        raise SettingsInvalid(
            f"{VARIABLE} cannot be read", expected="POINT[@PASS]:ACT", found=text[:80]
        )
    point, at, act, error = found.group(1, 2, 3, 4)
    if point not in POINTS and point != ANY:
        raise SettingsInvalid(
            f"{VARIABLE} names no point", expected=", ".join(POINTS), found=point[:80]
        )
    if error is not None and error not in errno.errorcode.values():
        raise SettingsInvalid(f"{VARIABLE} names no error", expected="as ENOSPC", found=error)
    return Fault(point=point, at=int(at or 1), act=act)


def _act(kind: str, value: str) -> None:
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "exit":
        os._exit(EXIT_CODE)
    else:
        number = getattr(errno, value)
        raise OSError(number, os.strerror(number))


def _note(path: Path, point: str) -> None:
    """Append a line in one write, which two processes may do at once."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, f"{point}\n".encode())
    finally:
        os.close(handle)
