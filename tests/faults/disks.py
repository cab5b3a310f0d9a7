"""Let the home lie on a disk that fills up, or may not be written: a tmpfs with little room."""

import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.faults.bench import Job
from tests.faults.forks import forked
from tests.faults.trials import Bench, Trial, compared, old_or_new, said_of, unclear

#: How much is free on the disk that fills up, in KiB: from the raw file to the published copy.
FREE = (16, 2600)

#: What the rerun has, in MiB.
ROOMY = 256


def missing() -> str | None:
    """Return why no disk can be mounted here; None where one can."""
    with TemporaryDirectory() as place:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place],
            capture_output=True,
            check=False,
        )
        if done.returncode == 0:
            subprocess.run(["umount", place], check=True)
            return None
    return "a tmpfs may not be mounted here"


def jobs(most: int, rng: random.Random) -> list[Job]:
    """Return trials of full disks, evenly apart in what is free, and one of a read-only disk."""
    step = (FREE[1] - FREE[0]) / max(1, most - 1)
    sizes = [int(FREE[0] + step * (number + rng.random())) for number in range(most - 1)]
    return [full_disk(size) for size in sizes] + [read_only_disk]


@contextmanager
def small_disk(bench: Bench, free: int) -> Iterator[None]:
    """Lay the home out on a disk of its own with so many KiB free; it is gone afterwards."""
    size = occupied(bench.start.untouched) + free
    shutil.rmtree(bench.home, ignore_errors=True)
    bench.home.mkdir()
    mount("-t", "tmpfs", "-o", f"size={size}k", "tmpfs", bench.home)
    try:
        shutil.copytree(bench.start.untouched, bench.home, dirs_exist_ok=True)
        yield
    finally:
        subprocess.run(["umount", "-l", str(bench.home)], check=True)


def occupied(folder: Path) -> int:
    """Return what a folder takes on a tmpfs, in KiB: whole pages."""
    sizes = (path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return sum(4 * (1 + size // 4096) for size in sizes)


def mount(*words: object) -> None:
    """Mount, or fail."""
    subprocess.run(["mount", *map(str, words)], check=True, capture_output=True)


def full_disk(free: int) -> Job:
    """Return the trial of a retraining that fills its disk; the rerun has room."""

    def act(bench: Bench, wanted: dict[str, Any]) -> Trial:
        return tried(bench, wanted, f"{free} KiB free", free)

    return act


def read_only_disk(bench: Bench, wanted: dict[str, Any]) -> Trial:
    """Try a retraining whose home may not be written."""
    return tried(bench, wanted, "read-only", None)


def tried(bench: Bench, wanted: dict[str, Any], name: str, free: int | None) -> Trial:
    """Retrain on a bad disk, look, mend the disk, retrain again, look again."""
    bench.begin()
    with small_disk(bench, 1024 if free is None else free):
        if free is None:
            mount("-o", "remount,ro", bench.home)
        ended = forked(bench.retrain, bench.log)
        mount("-o", f"remount,rw,size={ROOMY}m", bench.home)
        complaints = unclear(ended)
        complaints += [f"after the fault: {each}" for each in old_or_new(bench, wanted)]
        again = forked(bench.retrain, bench.log)
        if again.answer is None:
            complaints.append(f"the rerun did not end: {again.refused or again.broke}")
        found = bench.looked(follow=True)
        complaints += [f"after the rerun: {each}" for each in compared(found, wanted)]
    part = "read-only disk" if free is None else "full disk"
    return Trial(part=part, name=name, ended=said_of(ended),
                 reached=ended.answer is None, complaints=complaints)  # fmt: skip
