"""Do a piece of work in a fork of this process, which has everything imported; hear its end."""

import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forecasting import faults
from forecasting.errors import GatecastError

#: Longest time that a fork may take, in seconds; after it, it counts as hanging.
PATIENCE = 300.0

#: What a fork does, and what is done from outside before it begins.
Work = Callable[[], Any]
Attend = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a fork ended: its exit code (negative: its signal), and what its work returned.

    `refused` is the code of a refusal, `broke` any other error, with its last lines; `imported`
    are the modules that the work has loaded, and its parent has not.
    """

    code: int
    answer: Any = None
    refused: str | None = None
    broke: str | None = None
    imported: list[str] = field(default_factory=list)

    @property
    def killed(self) -> bool:
        """Whether it was killed."""
        return self.code == -signal.SIGKILL


def forked(work: Work, log: Path, *, fault: str = "", attend: Attend | None = None) -> Ended:
    """Do the work in a fork, with a fault asked for; returns how it ended.

    Args:
        work: what is done; its result has to be JSON.
        log: where its standard output and error go.
        fault: as `GATECAST_FAULT` has it.
        attend: is called with the fork's process id while the fork waits, before it begins.
    """
    waits, go = os.pipe()
    hears, tells = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(go)
        os.close(hears)
        _be_child(work, log, fault, waits, tells)
    os.close(waits)
    os.close(tells)
    try:
        if attend is not None:
            attend(child)
        os.write(go, b".")
        told = _heard(hears, child)
    finally:
        os.close(go)
        os.close(hears)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Ended(code=code, **(json.loads(told) if told else {}))


def _be_child(work: Work, log: Path, fault: str, waits: int, tells: int) -> None:
    """Wait for the word, work, tell, end; never returns into the parent's program."""
    try:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        os.environ[faults.VARIABLE] = fault
        faults.armed.cache_clear()
        os.read(waits, 1)
        told = _told(work)
        os.write(tells, json.dumps(told).encode())
    finally:
        os._exit(0)


def _told(work: Work) -> dict[str, Any]:
    loaded = set(sys.modules)
    try:
        answer = work()
        return {"answer": answer, "imported": sorted(set(sys.modules) - loaded)}
    except GatecastError as error:
        return {"refused": error.code, "broke": None}
    except BaseException as error:  # noqa: BLE001 - it has to be told, whatever it is
        traceback.print_exc()
        last = traceback.extract_tb(error.__traceback__)[-1]
        return {"broke": f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})"[:600]}


def _heard(hears: int, child: int) -> bytes:
    """Read what the fork tells until it ends; one that hangs is killed."""
    deadline, told = time.monotonic() + PATIENCE, b""
    while True:
        left = deadline - time.monotonic()
        ready, _, _ = select.select([hears], [], [], max(0.0, left))
        if not ready:
            os.kill(child, signal.SIGKILL)
            return json.dumps({"broke": f"it hung for {PATIENCE:.0f} s"}).encode()
        part = os.read(hears, 65536)
        if not part:
            return told
        told += part
