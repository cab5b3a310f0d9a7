"""One worker: do one stage for its stations and say what it took, as one JSON line.

`python -m benchmarks.scale.stage HOME STAGE SHARD SHARDS`. What is imported before is not counted.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.scale.stations import NAME

#: The stages in the order of a survey, and whether each station's part is done by itself.
STAGES: Final = {
    "open": False,
    "land": True,
    "check": True,
    "share": False,
    "draw": True,
    "train": False,
    "judge": True,
    "forecast": True,
    "answer": True,
}

#: Does a stage for the stations of a worker.
Work = Callable[[Path, list[str]], None]


def peak_megabytes() -> float:
    """Return the most memory that this process has had; not what its parent had when it forked."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def work_of(stage: str) -> Work:
    """Return what a stage does, with all that it needs imported."""
    if stage == "answer":
        from benchmarks.scale.answering import answer_all  # noqa: PLC0415 - without torch

        return answer_all
    from benchmarks.scale import steps  # noqa: PLC0415 - torch and Great Expectations

    if STAGES[stage]:
        return steps.each(stage)
    return {"open": steps.open_home, "share": steps.share, "train": steps.train}[stage]


def measure(home: Path, stage: str, stations: list[str]) -> dict[str, Any]:
    """Do a stage and measure it: seconds, processor's seconds, and megabytes before and at most."""
    work = work_of(stage)
    before, began, spent = peak_megabytes(), time.perf_counter(), time.process_time()
    work(home, stations)
    return {
        "stations": len(stations),
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - spent,
        "megabytes_before": before,
        "megabytes": peak_megabytes(),
    }


def names_in(home: Path) -> list[str]:
    """Return the stations of a home, by their declarations once they have been laid out."""
    return sorted(path.stem for path in (home / "surveys" / NAME / "parts").glob("*.json"))


def main(arguments: list[str]) -> int:
    """Measure a stage for a worker's share of the stations."""
    home, stage = Path(arguments[0]), arguments[1]
    shard, shards = int(arguments[2]), int(arguments[3])
    told = measure(home, stage, names_in(home)[shard::shards])
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
