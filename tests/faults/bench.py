"""Load everything once, learn what a retraining does, and give every worker a home of its own."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.faults import home, plain, soundness
from tests.faults.forks import Attend, forked
from tests.faults.home import Start
from tests.faults.trials import Bench, Trial

FORK = get_context("fork")

#: A piece of work for a worker: a trial at its bench, held against the undisturbed run.
Job = Callable[[Bench, dict[str, Any]], Trial | None]


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What undisturbed retrainings have shown: the points passed, the calls made."""

    notes: Path
    calls: Path


def begun(folder: Path) -> Bench:
    """Make a bench with a prepared home."""
    folder.mkdir(parents=True, exist_ok=True)
    ended = forked(lambda: home.prepare(folder) and None, folder / "prepared.log")
    if ended.broke or ended.refused or ended.code:
        raise RuntimeError(f"no home could be prepared: {ended}")
    return Bench(start=Start(folder=folder))


def learn(folder: Path, *, counting: Callable[[Path], Attend] | None) -> Learned:
    """Import all that a retraining imports, and note what it passes and calls."""
    plain.load(plain.SLOW)
    bench = begun(folder / "scout")
    learned = Learned(notes=folder / "notes", calls=folder / "calls")
    for left in (learned.notes, learned.calls):
        left.unlink(missing_ok=True)
    found = bench.undisturbed(fault=f"any:note={learned.notes}")
    plain.load(found["imported"])
    if counting is not None:
        bench.undisturbed(attend=counting(learned.calls))
    return learned


def work_through(
    folder: Path, jobs: Sequence[Job], workers: int, until: float
) -> Iterator[Trial | None]:
    """Do the jobs in forks of this process, side by side; yields each trial as it ends.

    A job that is not begun before `until`, on the clock that only grows, gives None.
    """
    todo, done = FORK.SimpleQueue(), FORK.SimpleQueue()
    children = [
        FORK.Process(
            target=_worker, args=(folder / f"worker-{number}", late(jobs, until), todo, done)
        )
        for number in range(min(workers, len(jobs)))
    ]
    for number in [*range(len(jobs)), *[None] * len(children)]:
        todo.put(number)
    for child in children:
        child.start()
    try:
        for _ in jobs:
            yield done.get()
    finally:
        for child in children:
            child.terminate()
            child.join()


def late(jobs: Sequence[Job], until: float) -> list[Job]:
    """Return the same jobs, of which none is begun any more after a moment."""

    def limited(job: Job) -> Job:
        def act(bench: Bench, wanted: dict[str, Any]) -> Trial | None:
            return job(bench, wanted) if time.monotonic() < until else None

        return act

    return [limited(job) for job in jobs]


def _worker(folder: Path, jobs: Sequence[Job], todo: Any, done: Any) -> None:
    """Prepare a home, retrain in it undisturbed, then take one job after the other."""
    try:
        bench = begun(folder)
        wanted = wanted_of(bench)
    except BaseException as error:
        done.put(Trial(part="bench", name=folder.name, ended="broke", reached=False,
                       complaints=[str(error)]))  # fmt: skip
        raise
    while (number := todo.get()) is not None:
        try:
            done.put(jobs[number](bench, wanted))
        except Exception as error:  # noqa: BLE001 - it is told, and the next job is begun
            done.put(Trial(part="bench", name=f"job {number}", ended="broke", reached=False,
                           complaints=[f"{type(error).__name__}: {error}"]))  # fmt: skip


def wanted_of(bench: Bench) -> dict[str, Any]:
    """Return what a home is like before a retraining and after an undisturbed one."""
    bench.begin()
    old = bench.looked(follow=False)
    if old["complaints"]:
        raise RuntimeError(f"the home is not sound before anything is done: {old}")
    kept = soundness.acknowledged(bench.home)
    return {**bench.undisturbed(), "old": old["weights"], "kept": kept}


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Give the folder of a whole run; what was lost stays in it, the rest goes."""
    folder.mkdir(parents=True, exist_ok=True)
    before = dict(os.environ)
    try:
        yield folder
    finally:
        os.environ.clear()
        os.environ.update(before)
        for path in folder.glob("*/*"):
            if path.is_dir() and path.name != "lost":
                shutil.rmtree(path, ignore_errors=True)
