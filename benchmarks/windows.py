"""Measure the memory that cutting windows takes: `python -m benchmarks.windows [--json]`.

The measurement runs in a fresh process, so that nothing an earlier step has freed hides a copy.
"""

import argparse
import json
import subprocess  # our own interpreter, our own module
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from forecasting.climate.series import ClimateSeries, Station, Variable
from forecasting.climate.windows import Windows, WindowSpec, cut

SPEC = WindowSpec(history=60, horizon=7)
VARIABLES = 4
BATCH = 64
BATCHES = 200

#: What the issue allows: peak memory in units of the series with its mask.
LIMIT = 1.2


@dataclass(frozen=True, kw_only=True)
class Growth:
    """Bytes of one measurement.

    `series` is what values and mask hold. `built` is what the process had grown by when the
    series stood, `building` its peak until then, `cutting` its peak while windows were cut and
    batches read; the last three are counted from before the series was made.
    """

    rows: int
    series: int
    built: int
    building: int
    cutting: int

    @property
    def ratio(self) -> float:
        """The peak while cutting and reading, in units of the series with its mask."""
        return self.cutting / self.series


def make_series(rows: int) -> ClimateSeries:
    """Make noise with a gap in every hundred values, without a second copy of it."""
    rng = np.random.default_rng(0)
    values = np.empty((rows, VARIABLES), dtype=np.float32)
    rng.standard_normal(out=values, dtype=np.float32)
    values[::100] = np.nan
    variables = [Variable(name=f"v{n}", unit="°C", lower=-90, upper=90) for n in range(VARIABLES)]
    return ClimateSeries(
        station=Station(name="noise", latitude=0, longitude=0, timezone="UTC"),
        variables=tuple(variables),
        target="v0",
        start=datetime(2000, 1, 1, tzinfo=UTC),
        values=values,
        observed=np.isfinite(values),
    )


def cut_all(series: ClimateSeries) -> Windows:
    """Cut every window of a series, masks included."""
    return cut(series, SPEC, SPEC.origins(0, len(series)))


def read_batches(windows: Windows, batches: int = BATCHES) -> int:
    """Copy batches from all over the windows as training does; returns the values known."""
    rng, known = np.random.default_rng(1), 0
    for _ in range(batches):
        positions = rng.integers(0, len(windows), BATCH)
        for part in (windows.history, windows.target):
            known += int(np.isfinite(part[positions]).sum())
        known -= int(windows.history_observed[positions].sum())
        known -= int(windows.target_observed[positions].sum())
    return known


def measure(rows: int) -> Growth:
    """Measure in this process, which should be fresh.

    Raises:
        RuntimeError: a mask did not travel with its values.
    """
    make_series(100)  # what the first use of the generator loads is not the series' doing
    before = _now("VmRSS")
    _forget_peak()
    series = make_series(rows)
    built, building = _now("VmRSS"), _now("VmHWM")
    _forget_peak()
    if read_batches(cut_all(series)):
        raise RuntimeError("the masks do not say where a value is known")
    return Growth(
        rows=rows,
        series=series.values.nbytes + series.observed.nbytes,
        built=built - before,
        building=building - before,
        cutting=_now("VmHWM") - before,
    )


def _now(field: str) -> int:
    """Read a field of this process's memory, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(field)).split()[1])


def _forget_peak() -> None:
    """Let the kernel count the peak anew from here."""
    Path("/proc/self/clear_refs").write_text("5")


def main() -> int:
    """Start the fresh process, print what it measured; 1 where the limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--here", action="store_true", help="measure in this very process")
    asked = parser.parse_args()
    if asked.here:
        print(json.dumps(asdict(measure(asked.rows))))
        return 0
    command = [sys.executable, "-m", "benchmarks.windows", "--here", "--rows", str(asked.rows)]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    growth = Growth(**json.loads(said.stdout))
    if asked.json:
        print(json.dumps({**asdict(growth), "ratio": growth.ratio, "limit": LIMIT}))
    else:
        for name, count in asdict(growth).items():
            print(f"{name:9}{count:>15,}")
        print(f"{'ratio':9}{growth.ratio:>15.3f}  (limit {LIMIT})")
    return 0 if growth.ratio < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
