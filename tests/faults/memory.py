"""Follow the memory of a process, and say by how much it grows an hour, and how surely."""

import threading
import time

import numpy as np
import psutil
from scipy import stats

#: Seconds between two looks, and how many of the first are left out: caches fill.
STEP = 5.0
WARM = 60.0

#: Looks that are averaged into one: neighbours resemble each other too much for an interval.
BIN = 6


def followed(pid: int, samples: list[tuple[float, float]], over: threading.Event) -> None:
    """Take a look every few seconds: (hours, MB of resident memory)."""
    process, begun = psutil.Process(pid), time.monotonic()
    while not over.wait(STEP):
        megabytes = process.memory_info().rss / 1e6
        samples.append(((time.monotonic() - begun) / 3600, megabytes))


def slope(samples: list[tuple[float, float]]) -> dict[str, float]:
    """Return the slope in MB an hour with its 95 % interval, by least squares over means.

    NaN where there are fewer than three means.
    """
    kept = np.array([each for each in samples if each[0] * 3600 >= WARM]).reshape(-1, 2)
    bins = kept[: len(kept) // BIN * BIN].reshape(-1, BIN, 2).mean(axis=1)
    found = {
        "first_mb": float(samples[0][1]) if samples else float("nan"),
        "last_mb": float(samples[-1][1]) if samples else float("nan"),
        "means": float(len(bins)),
    }
    if len(bins) < 3:
        return found | dict.fromkeys(("slope", "low", "high"), float("nan"))
    line = stats.linregress(bins[:, 0], bins[:, 1])
    half = float(stats.t.ppf(0.975, len(bins) - 2) * line.stderr)
    return found | {"slope": float(line.slope), "low": line.slope - half, "high": line.slope + half}
