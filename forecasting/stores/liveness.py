"""Prove that the process behind a run lives: a record and a file lock, written before the run.

On one machine a held lock is the proof, which no kill, sleep or busy disk can fake; without one,
the process is looked for by its id and start time, which no later process shares. Of another
machine only the record's heartbeat is known.
"""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock

from forecasting.stores.files import storage_errors, write_json

#: Seconds from one heartbeat to the next, as Prefect's own.
HEARTBEAT: Final = 30.0

#: Silence after which another machine's process counts as dead: two heartbeats and a minute.
SILENCE: Final = 2 * HEARTBEAT + 60.0

#: Seconds for which the record of a process that has ended is kept.
KEPT: Final = 86_400.0

#: Where Linux says which of its starts this is, and what it knows of each process.
BOOT, PROCESSES = Path("/proc/sys/kernel/random/boot_id"), Path("/proc")


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process as no other one is called: host, start of the machine, id, start of the process.

    `started` is in the kernel's ticks since the machine's start.
    """

    host: str
    boot: str
    pid: int
    started: str

    @classmethod
    def own(cls) -> "Process":
        """Return the process that asks."""
        pid = os.getpid()
        return cls(host=socket.gethostname(), boot=_boot(), pid=pid, started=_started(pid) or "")

    @classmethod
    def of(cls, name: str) -> "Process | None":
        """Read what `name` wrote; None of anything else."""
        host, *rest = name.split("|")
        if len(rest) != 3 or not rest[1].isdigit():
            return None
        return cls(host=host, boot=rest[0], pid=int(rest[1]), started=rest[2])

    @property
    def name(self) -> str:
        """The process in a word, for a run's tag."""
        return f"{self.host}|{self.boot}|{self.pid}|{self.started}"

    @property
    def is_here(self) -> bool:
        """Whether it runs, or ran, on this machine."""
        return self.host == socket.gethostname()

    @property
    def runs(self) -> bool:
        """Whether the kernel of this machine still knows it, stopped or not."""
        return self.is_here and self.boot == _boot() and _started(self.pid) == self.started


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The record with which a process stands behind a flow run, and where it lies."""

    path: Path
    process: Process
    flow_run: str

    @property
    def lock(self) -> Path:
        """The file that the process holds while it lives."""
        return self.path.with_suffix(".lock")

    def is_dead(self, now: float) -> bool:
        """Say whether the process is gone, or was not heard of for too long.

        Args:
            now: seconds since 1970.
        """
        if self.process.is_here:
            return not (_is_held(self.lock) or self.process.runs)
        return now - self.beat > SILENCE

    @property
    def beat(self) -> float:
        """When it was heard of last, in seconds since 1970; long ago where the record is gone."""
        with suppress(OSError):
            return self.path.stat().st_mtime
        return 0.0

    def remove(self) -> None:
        """Remove record and lock of a dead process."""
        self.path.unlink(missing_ok=True)
        self.lock.unlink(missing_ok=True)


@contextmanager
def claimed(root: Path, flow_run: str | None) -> Iterator[Claim]:
    """Stand behind a flow run while the block lasts; enter it before any run is opened.

    Args:
        root: the home folder.
        flow_run: Prefect's id of the run; None outside Prefect.

    Raises:
        StorageFailed: the record cannot be written.
    """
    own = Process.own()
    path = root / "alive" / f"{own.pid}-{own.started}-{flow_run or 'none'}.json"
    claim = Claim(path=path, process=own, flow_run=flow_run or "")
    ended = threading.Event()
    with ExitStack() as held:
        with storage_errors("the record of who is at work"):
            path.parent.mkdir(parents=True, exist_ok=True)
            _sweep(root, time.time())
            held.enter_context(FileLock(claim.lock, thread_local=False))
            write_json(path, asdict(own) | {"flow_run": claim.flow_run})
        beating = threading.Thread(target=_beat, args=(path, ended), daemon=True)
        beating.start()
        try:
            yield claim
        finally:
            ended.set()
            beating.join()
    # The record stays: Prefect hears of the run's end only now, from a process that still runs.


def claims(root: Path) -> list[Claim]:
    """Return every record that lies there; a spoilt one counts for nobody and is left out."""
    found = []
    for path in sorted((root / "alive").glob("*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            content = json.loads(path.read_bytes())
            flow_run = str(content.pop("flow_run"))
            found.append(Claim(path=path, process=Process(**content), flow_run=flow_run))
    return found


def _sweep(root: Path, now: float) -> None:
    """Drop the records of processes that ended long ago, where nobody else does."""
    for claim in claims(root):
        if now - claim.beat > KEPT and claim.is_dead(now):
            claim.remove()


def carried_here(setting: str) -> bool:
    """Say whether a process of this machine was started with a setting (`NAME=value`).

    So a process is known whose imports still go on, and which has written no record.
    """
    for environment in PROCESSES.glob("[0-9]*/environ"):
        with suppress(OSError):
            if setting.encode() in environment.read_bytes().split(b"\0"):
                return True
    return False


def _beat(path: Path, ended: threading.Event) -> None:
    while not ended.wait(HEARTBEAT):
        with suppress(OSError):
            os.utime(path)


def _is_held(path: Path) -> bool:
    """Say whether somebody holds a lock; asks without waiting."""
    if not path.exists():
        return False
    lock = FileLock(path, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except TimeoutError:
        return True
    lock.release()
    return False


def _boot() -> str:
    with suppress(OSError):
        return BOOT.read_text().strip()
    return ""


def _started(pid: int) -> str | None:
    """Return when a process started, in ticks; None where there is none, or it is a dead one's."""
    if not PROCESSES.is_dir():
        with suppress(OSError):
            os.kill(pid, 0)
            return ""
        return None
    with suppress(OSError, IndexError):
        # The command's name may hold spaces and brackets: what follows the last one is fixed.
        fields = (PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in {"Z", "X"} else fields[19]
    return None


def is_gone(root: Path, process: Process, started: float) -> bool:
    """Say whether a process is gone: this machine's by its kernel, another's by its heartbeat.

    Args:
        root: the home folder, in which its record may lie.
        process: which.
        started: when it was heard of without a record, in seconds since 1970.
    """
    now = time.time()
    mine = [claim for claim in claims(root) if claim.process == process]
    if mine:
        return all(claim.is_dead(now) for claim in mine)
    return not process.runs if process.is_here else now - started > SILENCE
