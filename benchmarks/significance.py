"""Measure how often the gate is wrong by chance: `python -m benchmarks.significance`.

How often its tests see a difference where none is, and how far the coverage of exact intervals
strays. Two forecasts of one truth err by moving averages of independent shocks of equal size, so
that the null is exactly true and errors at a lead overlap as those of real forecasts do.
"""

import argparse
import json

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from forecasting.climate.significance import average_superiority, statistics_at

#: The size that is asked for, and the leads at which it is reported.
LEVEL = 0.05
LEADS = (1, 3, 7)
HORIZON = 7

#: Origins: the least gate block, that of Delhi with its test file, and a year.
ORIGINS = (180, 213, 360)

#: How much of a shock is left a step later.
MEMORY = 0.8


def errors_of(shocks: NDArray[np.float64], horizon: int) -> NDArray[np.float64]:
    """Return the errors that shocks, (samples, origins + horizon), make at each origin and lead."""
    samples, steps = shocks.shape
    origins = steps - horizon
    errors = np.zeros((samples, origins, horizon))
    for lead in range(1, horizon + 1):
        for back in range(lead):
            first = lead - back - 1
            errors[..., lead - 1] += MEMORY**back * shocks[:, first : first + origins]
    return errors


def null_losses(
    rng: np.random.Generator, samples: int, origins: int, horizon: int
) -> NDArray[np.float64]:
    """Draw loss differences of two equally good forecasts: (samples, origins, horizon)."""
    common, ours, theirs = rng.normal(size=(3, samples, origins + horizon))
    return np.abs(errors_of(common + ours, horizon)) - np.abs(errors_of(common + theirs, horizon))


def coverage_spread(samples: int, origins: int, horizon: int, seed: int) -> dict[str, float]:
    """Return the standard deviation of the coverage, averaged over leads, of exact intervals."""
    rng = np.random.default_rng(seed)
    errors = errors_of(rng.normal(size=(samples, origins + horizon)), horizon)
    scaled = np.abs(errors) / np.sqrt(np.cumsum(MEMORY ** (2 * np.arange(horizon))))
    return {
        str(percent): float(
            (scaled <= stats.norm.ppf(0.5 + percent / 200)).mean(axis=(1, 2)).std(ddof=1)
        )
        for percent in (80, 95)
    }


def diebold_mariano_size(samples: int, origins: int, lead: int, seed: int) -> dict[str, float]:
    """Return the share of true nulls that are rejected, two-sided and one-sided."""
    rng = np.random.default_rng(seed)
    difference = null_losses(rng, samples, origins, lead)[..., -1].T
    statistic, known = statistics_at(difference, lead)
    freedom = known - 1
    return {
        "two_sided": float((2 * stats.t.sf(np.abs(statistic), freedom) < LEVEL).mean()),
        "one_sided": float((stats.t.cdf(statistic, freedom) < LEVEL).mean()),
    }


def average_superiority_size(samples: int, origins: int, horizon: int, seed: int) -> float:
    """Return the share of true nulls that are rejected in the mean over the horizon."""
    rng = np.random.default_rng(seed)
    drawn = null_losses(rng, samples, origins, horizon)
    tested = [average_superiority(each, seed=number) for number, each in enumerate(drawn)]
    return float(np.mean([test.p_better <= LEVEL for test in tested]))


def measure(samples: int, resampled: int, seed: int = 0) -> dict[str, object]:
    """Return every size and spread; `resampled` samples of the bootstrap, `samples` else."""
    return {
        "level": LEVEL,
        "samples": {"diebold_mariano": samples, "average_superiority": resampled},
        "origins": {
            str(origins): {
                "diebold_mariano": {
                    str(lead): diebold_mariano_size(samples, origins, lead, seed) for lead in LEADS
                },
                "average_superiority": average_superiority_size(resampled, origins, HORIZON, seed),
                "coverage_deviation": coverage_spread(resampled, origins, HORIZON, seed),
            }
            for origins in ORIGINS
        },
    }


def main() -> None:
    """Print the sizes as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--resampled", type=int, default=4_000)
    asked = parser.parse_args()
    print(json.dumps(measure(asked.samples, asked.resampled), indent=2))


if __name__ == "__main__":
    main()
