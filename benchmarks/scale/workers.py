"""Start workers for a stage, a process each, and add up what they say."""

import json
import os
import subprocess  # our own interpreter, our own module
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.scale.stage import STAGES, names_in
from benchmarks.serving.load import ROOT
from forecasting.errors import GatecastError

#: What the workers are told: one thread each, and nothing reported to anybody.
QUIET = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "DO_NOT_TRACK": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "ORT_DISABLE_TELEMETRY": "1",
}


class StageFailed(GatecastError):
    """A worker of a stage ended with an error."""

    code = "STAGE_FAILED"


def run_stage(home: Path, stage: str, workers: int) -> dict[str, float]:
    """Do a stage with so many workers, of which none has fewer than one station.

    Returns:
        stations; seconds of the slowest worker, and of all with their start; the processor's
        seconds of all; and of the largest worker the megabytes at its start and at most.

    Raises:
        StageFailed: a worker ended with an error.
    """
    shards = min(workers, len(names_in(home))) if STAGES[stage] else 1
    began = time.perf_counter()
    told = _said(
        [
            ["benchmarks.scale.stage", str(home), stage, str(shard), str(shards)]
            for shard in range(shards)
        ]
    )
    largest = max(told, key=lambda each: each["megabytes"])
    return {
        "stations": sum(each["stations"] for each in told),
        "seconds": max(each["seconds"] for each in told),
        "seconds_with_start": time.perf_counter() - began,
        "cpu": sum(each["cpu"] for each in told),
        "megabytes_before": largest["megabytes_before"],
        "megabytes": largest["megabytes"],
    }


def race_in(home: Path, stations: int, repeats: int) -> dict[str, Any]:
    """Race one Dask worker against two over a home's first stations, in a process of its own."""
    module = "benchmarks.scale.race"
    (told,) = _said([[module, str(home), str(repeats), *names_in(home)[:stations]]])
    return told  # type: ignore[no-any-return]


def megabytes_for_each(home: Path) -> float:
    """Return what an API needs for each model that it keeps loaded."""
    (told,) = _said([["benchmarks.scale.answering", str(home), *names_in(home)]])
    return float(told)


def files_in(home: Path) -> dict[str, dict[str, int]]:
    """Count what a survey has left behind: files and bytes, by the folder that they lie in."""
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for path in home.rglob("*"):
        if path.is_file() and path.relative_to(home).parts[0] not in {"source", "told"}:
            parts = path.relative_to(home).parts
            kind = parts[2] if parts[0] == "surveys" else parts[0]
            counts[kind] += 1
            sizes[kind] += path.stat().st_size
    return {kind: {"files": counts[kind], "bytes": sizes[kind]} for kind in sorted(counts)}


def _said(calls: Sequence[Sequence[str]]) -> list[Any]:
    """Run modules side by side; returns the JSON that each has said on its last line."""
    environment = {**os.environ, **QUIET}
    children = [
        subprocess.Popen(
            [sys.executable, "-m", *call],
            cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for call in calls
    ]  # fmt: skip
    said = [child.communicate() for child in children]
    for child, call, (_, errors) in zip(children, calls, said, strict=True):
        if child.returncode:
            raise StageFailed(
                f"{call[0]} {call[2]} failed", expected="exit 0", found=errors.strip()[-500:]
            )
    return [json.loads(output.splitlines()[-1]) for output, _ in said]
