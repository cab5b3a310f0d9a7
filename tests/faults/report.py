"""Count trials by part, show them as they come, and close with the one line that is looked for."""

import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from forecasting.faults import POINTS
from tests.faults.points import PART
from tests.faults.trials import Trial


@dataclass(kw_only=True)
class Report:
    """All trials of a run, what was left out of it and why, and a line a trial as it comes.

    `least` is how many points a whole run has at least; 0 of one that is a sample or a part.
    """

    seed: int
    log: Path
    begun: float = field(default_factory=time.monotonic)
    trials: list[Trial] = field(default_factory=list)
    least: int = 0
    late: int = 0
    skipped: dict[str, str] = field(default_factory=dict)

    def watch(self, trials: Iterable[Trial | None], total: int, part: str) -> None:
        """Take trials in; a bar on a terminal, a line for each that lost something anywhere."""
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[lost]} lost"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            bar = progress.add_task(part, total=total, lost=0)
            for trial in trials:
                if trial is None:
                    self.late += 1
                    continue
                self.trials.append(trial)
                with self.log.open("a") as file:
                    file.write(json.dumps(asdict(trial)) + "\n")
                progress.update(bar, advance=1, lost=self.lost)
                if trial.lost:
                    sys.stderr.write(f"{trial.part} {trial.name}: {trial.complaints}\n")

    @property
    def lost(self) -> int:
        """Trials in which something was lost."""
        return sum(trial.lost for trial in self.trials)

    @property
    def points(self) -> int:
        """Trials whose fault happened, and those that were lost without it."""
        return sum(trial.reached or trial.lost for trial in self.trials)

    def by_part(self) -> dict[str, dict[str, Any]]:
        """Return, for each part: points, lost, those not reached, and how the runs ended."""
        parts: dict[str, list[Trial]] = defaultdict(list)
        for trial in self.trials:
            parts[trial.part].append(trial)
        return {
            part: {
                "points": sum(each.reached or each.lost for each in trials),
                "lost": sum(each.lost for each in trials),
                "not_reached": sum(not each.reached for each in trials),
                "ended": dict(Counter(each.ended for each in trials)),
            }
            for part, trials in parts.items()
        }

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "seed": self.seed,
            "seconds": round(time.monotonic() - self.begun, 1),
            "points": self.points,
            "lost": self.lost,
            "late": self.late,
            "parts": self.by_part(),
            "skipped": self.skipped,
            "trials": [asdict(trial) for trial in self.trials],
        }
        path.write_text(json.dumps(content, indent=1) + "\n")

    def close(self) -> int:
        """Print the parts and the closing line; returns the exit code."""
        for part, found in self.by_part().items():
            ended = ", ".join(f"{times} {how}" for how, times in found["ended"].items())
            sys.stdout.write(
                f"{part}: {found['points']} points, {found['lost']} lost,"
                f" {found['not_reached']} not reached ({ended})\n"
            )
        if self.late:
            sys.stdout.write(f"{self.late} trials left out: the time was over\n")
        for part, why in self.skipped.items():
            sys.stdout.write(f"{part}: skipped, {why}\n")
        seconds = time.monotonic() - self.begun
        sys.stdout.write(f"seed {self.seed}, {seconds / 60:.1f} minutes\n")
        sys.stdout.write(f"faults: {self.points} points, {self.lost} lost\n")
        for why in self.gaps():
            sys.stdout.write(f"not what a whole run is: {why}\n")
        return 0 if self.points and not self.lost and not self.gaps() else 1

    def gaps(self) -> list[str]:
        """Say what a whole run lacks: nothing is asked of a sample."""
        if not self.least:
            return []
        killed = {t.name.partition("@")[0] for t in self.trials if t.part == PART and t.reached}
        untried = [point for point in POINTS if point not in killed]
        return [
            *([f"{self.points} points of {self.least}"] if self.points < self.least else []),
            *([f"nobody was killed at {', '.join(untried)}"] if untried else []),
            *(f"{part} was skipped" for part in self.skipped),
        ]
