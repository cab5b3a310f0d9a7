"""`python -m tests.faults [--short]`: kill the retraining everywhere, and see what is lost.

`--seed N` draws the sampled points, `--json FILE` takes the report, `--only PART …` leaves the
other parts out, `--workers N` says how many trials run side by side.
"""

import argparse
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from forecasting.stores.registry.store import quiet_environment


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How many trials of each part."""

    points: int
    calls: int
    errors: int
    disks: int
    flows: int
    database: int
    cold: int
    rounds: int


FULL = Extent(points=260, calls=240, errors=48, disks=16, flows=6, database=50, cold=50, rounds=200)
SHORT = Extent(points=37, calls=9, errors=4, disks=3, flows=1, database=3, cold=2, rounds=20)

#: Points that a whole run has at least.
LEAST = 500

PARTS = ("points", "calls", "errors", "disks", "flows", "database", "cold", "promotions")


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    today = int(datetime.now(UTC).strftime("%Y%m%d"))
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a sample of about 60 points")
    parser.add_argument("--seed", type=int, default=today, help="draws the points; else the day")
    parser.add_argument("--json", type=Path, help="file for the whole report")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="these parts")
    parser.add_argument("--workers", type=int, default=2, help="trials side by side")
    parser.add_argument("--minutes", type=float, help="no retraining begins after; 75, short 7")
    parser.add_argument("--folder", type=Path, help="where the homes lie; what was lost stays")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Do the parts one after the other; 0 where nothing was lost."""
    asked = parsed(arguments)
    quiet_environment()
    # Seconds of imports, after the call has been understood.
    from tests.faults.bench import scratch  # noqa: PLC0415
    from tests.faults.parts import Run  # noqa: PLC0415
    from tests.faults.plain import make_plain  # noqa: PLC0415
    from tests.faults.report import Report  # noqa: PLC0415

    make_plain()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="gatecast-faults-"))
    whole = not asked.short and set(asked.only) == set(PARTS)
    least = LEAST if whole else 0
    report = Report(seed=asked.seed, log=folder / "trials.jsonl", least=least)
    with scratch(folder) as place:
        run = Run(
            folder=place,
            extent=SHORT if asked.short else FULL,
            workers=asked.workers,
            report=report,
            until=time.monotonic() + 60 * (asked.minutes or (7 if asked.short else 75)),
            rng=random.Random(asked.seed),  # noqa: S311 - a sample, no secret
        )
        run.do(asked.only)
    if asked.json is not None:
        report.write(asked.json)
    return report.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
