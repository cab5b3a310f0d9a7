"""The parts of a run, in their order: trials at benches first, then races and the database."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import postgres
from tests.faults import calls, database, disks, flows, points, races
from tests.faults.bench import Job, Learned, learn, work_through
from tests.faults.report import Report
from tests.faults.trials import Bench, Fault, Trial


@dataclass(kw_only=True)
class Run:
    """One run: where, how much, and into which report.

    Args:
        folder: holds the homes.
        extent: how many trials of each part.
        workers: trials side by side.
        report: takes every trial.
        until: when no trial of a retraining is begun any more, on the clock that only grows.
        rng: draws the sample.
    """

    folder: Path
    extent: Any
    workers: int
    report: Report
    until: float
    rng: random.Random

    def do(self, parts: Sequence[str]) -> None:
        """Do the parts that are asked for."""
        traced = {"calls", "errors"} & set(parts)
        why = calls.missing()
        if traced and why is not None:
            self.report.skipped |= dict.fromkeys(sorted(traced), why)
            traced = set()
        if "disks" in parts and (why := disks.missing()) is not None:
            self.report.skipped["disks"] = why
        wanted = [each for each in parts if each not in self.report.skipped]
        if {"points", "calls", "errors", "disks", "flows"} & set(wanted):
            learned = learn(self.folder, counting=calls.counting if traced else None)
            jobs = self.jobs(wanted, learned)
            done = work_through(self.folder, jobs, self.workers, self.until)
            self.report.watch(done, len(jobs), "retrainings")
        self.races(wanted)

    def races(self, parts: Sequence[str]) -> None:
        """Do the parts that need no retraining."""
        if "cold" in parts:
            times = self.extent.cold
            self.report.watch(races.cold_starts(self.folder / "cold", times), times, "cold starts")
            times = max(1, times // 5)
            done = races.killed_migrations(self.folder / "cold", times, self.rng)
            self.report.watch(done, times, "migrations")
        if "promotions" in parts:
            self.report.watch(
                races.promotions(self.folder / "race", self.extent.rounds), 2, "races"
            )
        if postgres.BINARIES is None:
            self.report.skipped["PostgreSQL"] = postgres.MISSING
        elif "database" in parts:
            times = self.extent.database
            done = database.kills(self.folder / "database", times, self.rng)
            self.report.watch(done, times, "PostgreSQL kills")

    def jobs(self, parts: Sequence[str], learned: Learned) -> list[Job]:
        """Return the trials of retrainings, in a drawn order."""
        first: list[Fault] = []
        faults: list[Fault] = []
        if "points" in parts:
            found = points.passed(learned.notes)
            for point in points.unreached(found):
                complaint = "no retraining comes to this point"
                self.report.trials.append(Trial(part=points.PART, name=point, ended="finished",
                                                reached=False, complaints=[complaint]))  # fmt: skip
            kills = points.kills(found, self.extent.points, self.rng)
            first, faults = kills[: len(found)], kills[len(found) :]
            self.rng.shuffle(first)
        if "calls" in parts:
            faults += calls.kills(calls.counted(learned.calls), self.extent.calls, self.rng)
        if "errors" in parts:
            faults += calls.errors(calls.counted(learned.calls), self.extent.errors, self.rng)
        jobs: list[Job] = [trial_of(fault) for fault in faults]
        if "disks" in parts:
            jobs += disks.jobs(self.extent.disks, self.rng)
        if "flows" in parts:
            jobs += flows.jobs(self.extent.flows, self.rng)
        self.rng.shuffle(jobs)
        # Each point once before anything else: a run that is cut off has tried them all.
        return [*map(trial_of, first), *jobs]


def trial_of(fault: Fault) -> Job:
    """Return the job that tries a fault."""

    def act(bench: Bench, wanted: dict[str, Any]) -> Trial:
        return bench.tried(fault, wanted)

    return act
