"""Load everything once, learn what a retraining does, and give every worker a home of its own."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from tests.faults import home, plain, soundness
from tests.faults.forks import Attend, forked
from tests.faults.home import Start
from tests.faults.trials import Bench, Trial

FORK = get_context("fork")

#: The name of a trial that tells of a worker that has no home to try anything in.
UNPREPARED = "no home"

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

    A job that is not begun before `until`, on the clock that only grows, gives None. A worker
    that cannot prepare its home gives a trial that is lost, and leaves its jobs to the others;
    one more tells of jobs that no worker was left to do.
    """
    todo = FORK.SimpleQueue()
    children: dict[int, tuple[Any, Connection]] = {}
    for number in [*range(len(jobs)), *[None] * workers]:
        todo.put(number)
    for number in range(min(workers, len(jobs))):
        told, tells = FORK.Pipe(duplex=False)
        place = folder / f"worker-{number}"
        child = FORK.Process(target=_worker, args=(place, late(jobs, until), todo, tells))
        child.start()
        tells.close()
        children[child.sentinel] = (child, told)
    left = len(jobs)
    try:
        for trial in _told(children):
            left -= trial is None or trial.name != UNPREPARED
            yield trial
        if left:
            yield unfinished("nobody left", f"{left} jobs, which no worker was left to do")
    finally:
        for child, _ in children.values():
            child.terminate()
            child.join()


def _told(children: dict[int, tuple[Any, Connection]]) -> Iterator[Trial | None]:
    """Yield what the workers tell, until the last has ended."""
    living = dict(children)
    while living:
        told = [each for _, each in living.values()]
        # Ended first, then read: what a worker said before its end is not missed.
        ended = set(wait([*told, *living])) & living.keys()
        for each in told:
            with suppress(EOFError):  # it has ended and was read to its end
                while each.poll():
                    yield each.recv()
        for sentinel in ended:
            del living[sentinel]


def late(jobs: Sequence[Job], until: float) -> list[Job]:
    """Return the same jobs, of which none is begun any more after a moment."""

    def limited(job: Job) -> Job:
        def act(bench: Bench, wanted: dict[str, Any]) -> Trial | None:
            return job(bench, wanted) if time.monotonic() < until else None

        return act

    return [limited(job) for job in jobs]


def _worker(folder: Path, jobs: Sequence[Job], todo: Any, tells: Connection) -> None:
    """Prepare a home, retrain in it undisturbed, then take one job after the other."""
    try:
        bench = begun(folder)
        wanted = wanted_of(bench)
    except BaseException as error:
        tells.send(unfinished(UNPREPARED, f"{folder.name}: {error}"))
        raise
    while (number := todo.get()) is not None:
        try:
            tells.send(jobs[number](bench, wanted))
        except Exception as error:  # noqa: BLE001 - it is told, and the next job is begun
            tells.send(unfinished(f"job {number}", f"{type(error).__name__}: {error}"))


def unfinished(name: str, complaint: str) -> Trial:
    """Return the lost trial of a bench at which something could not be done."""
    return Trial(part="bench", name=name, ended="broke", reached=False, complaints=[complaint])


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
