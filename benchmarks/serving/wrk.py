"""Send a load with `wrk`, one thread, and read what it says through a script of our own."""

import json
import math
import subprocess  # wrk
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.load import Load, LoadFailed, Measured

#: wrk reads and waits by itself; the script only takes the bodies in turn and prints JSON.
SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True)
class Wrk:
    """The program `wrk`, which counts whole seconds only: a shorter load takes one."""

    name: str = "wrk"

    def run(self, load: Load) -> Measured:
        """Send a load and wait until it ends.

        Raises:
            LoadFailed: wrk ended with an error.
        """
        with tempfile.TemporaryDirectory() as folder:
            bodies = Path(folder) / "bodies"
            # No body holds a line break: JSON has none unless it is asked for.
            bodies.write_text("\n".join(load.bodies))
            done = subprocess.run(
                [*self._command(load), "--", str(bodies)],
                capture_output=True,
                text=True,
                check=False,
            )
        told = [line for line in done.stdout.splitlines() if line.startswith('{"wrk":')]
        if done.returncode or not told:
            raise LoadFailed("wrk failed", expected="numbers", found=done.stderr.strip()[-300:])
        return measured_of(json.loads(told[-1])["wrk"])

    def _command(self, load: Load) -> list[str]:
        seconds = max(1, math.ceil(load.seconds))
        return [
            *("wrk", "--threads", "1", "--connections", str(load.connections)),
            *("--duration", f"{seconds}s", "--timeout", "30s", "--script", str(SCRIPT)),
            f"http://127.0.0.1:{load.port}{load.path}",
        ]


def measured_of(told: dict[str, float]) -> Measured:
    """Read what the script printed; wrk counts in microseconds."""
    good = told["requests"] - told["refused"]
    return Measured(
        per_second=good / (told["duration"] / 1e6),
        p50_ms=told["p50"] / 1e3,
        p99_ms=told["p99"] / 1e3,
        requests=int(told["requests"]),
        failed=int(told["refused"] + told["broken"]),
    )
