"""Kill the retraining at a system call, or let the call fail, by `strace -e inject`.

A fork waits until strace is attached to it. Counting comes first: an undisturbed retraining under
strace tells how often it writes, flushes and renames; then every n-th call is a trial.
"""

import random
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.faults.points import spread
from tests.faults.trials import Fault

#: The calls by which anything comes to a disk, by what they do.
CALLS = {
    "write": ("write", "pwrite64"),
    "flush": ("fsync", "fdatasync"),
    "rename": ("rename", "renameat", "renameat2"),
}

#: How a call fails: a full disk where it writes, a dying one where it flushes.
ERRORS = {"write": "ENOSPC", "pwrite64": "ENOSPC", "fsync": "EIO", "fdatasync": "EIO"}

#: Longest time until strace has attached itself, in seconds.
ATTACHED = 60.0


def missing() -> str | None:
    """Return why nothing can be injected here; None where it can."""
    strace = shutil.which("strace")
    if strace is None:
        return "strace is not installed"
    done = subprocess.run(
        [strace, "-qq", "-e", "trace=none", "true"], capture_output=True, check=False
    )
    return None if done.returncode == 0 else "strace may not attach to processes here"


def attach(*options: str) -> Callable[[int], None]:
    """Return what attaches strace to a waiting process, with further options."""

    def act(pid: int) -> None:
        tracer = subprocess.Popen(
            ["strace", "-f", "-p", str(pid), *options],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + ATTACHED
        while traced_by(pid) != tracer.pid:
            if tracer.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"strace did not attach to {pid}")
            time.sleep(0.005)

    return act


def traced_by(pid: int) -> int:
    """Return the process that traces another, 0 where none does."""
    found = re.search(r"TracerPid:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found.group(1)) if found else 0


def counting(log: Path) -> Callable[[int], None]:
    """Return what writes every such call of a process into a file."""
    names = ",".join(name for names in CALLS.values() for name in names)
    return attach("-o", str(log), "-e", f"trace={names}", "-e", "signal=none")


def counted(log: Path) -> Counter[str]:
    """Return how often the busiest thread in the file made each call: strace counts by thread."""
    found = re.findall(r"^(\d+)\s+(\w+)\(", log.read_text(errors="replace"), re.MULTILINE)
    ((busiest, _),) = Counter(pid for pid, _ in found).most_common(1)
    return Counter(name for pid, name in found if pid == busiest)


def kills(found: Counter[str], most: int, rng: random.Random) -> list[Fault]:
    """Choose where to kill: a third at writes, a third at flushes, a third at renames."""
    chosen: list[Fault] = []
    for kind, names in CALLS.items():
        places = [(name, at) for name in names for at in range(1, found[name] + 1)]
        for name, at in spread(places, most // len(CALLS), rng):
            inject = attach("-o", "/dev/null", "-e", f"trace={name}",
                            "-e", f"inject={name}:signal=KILL:when={at}")  # fmt: skip
            chosen.append(Fault(part=f"kill at a {kind}", name=f"{name}@{at}", attend=inject))
    return chosen


def errors(found: Counter[str], most: int, rng: random.Random) -> list[Fault]:
    """Choose which calls fail: once a write that finds a full disk, once a flush that fails."""
    places = [(name, at) for name in ERRORS for at in range(1, found[name] + 1)]
    by_call = {name: [place for place in places if place[0] == name] for name in ERRORS}
    known = [name for name in ERRORS if by_call[name]]
    chosen = []
    for name in known:
        for _, at in spread(by_call[name], max(1, most // len(known)), rng):
            inject = attach("-o", "/dev/null", "-e", f"trace={name}",
                            "-e", f"inject={name}:error={ERRORS[name]}:when={at}")  # fmt: skip
            part = f"{ERRORS[name]} of a {name}"
            chosen.append(Fault(part=part, name=f"{name}@{at}:{ERRORS[name]}", attend=inject))
    return chosen
