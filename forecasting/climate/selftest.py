"""Ask a candidate what no error can answer: does it leak, repeat, depend on its batch?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecasting.climate.baselines import fit_baselines
from forecasting.climate.scaling import fit_scaler
from forecasting.climate.series import ClimateSeries
from forecasting.climate.windows import Windows, WindowSpec, cut

#: history (batch, history, variables), origin (batch,) -> quantiles (batch, horizon, levels).
Forecast = Callable[[NDArray[np.float32], NDArray[np.int64]], NDArray[np.float32]]

#: Largest difference between a forecast alone and in a batch of seven, in the target's unit.
BATCH_TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True)
class SelfTest:
    """What was found. `batch_difference` is in the target's unit."""

    finite: bool
    ordered: bool
    repeats: bool
    batch_difference: float
    leaks: tuple[str, ...]


def corrupt_after(series: ClimateSeries, row: int, seed: int) -> ClimateSeries:
    """Return the series with every value after a row replaced by noise."""
    noise = np.random.default_rng(seed).normal(0.0, 50.0, series.values.shape).astype(np.float32)
    values = series.values.copy()
    values[row + 1 :] = noise[row + 1 :]
    return replace(series, values=values, observed=np.isfinite(values))


def find_leaks(
    forecast: Forecast,
    series: ClimateSeries,
    window: WindowSpec,
    train_rows: int,
    origins: Sequence[int],
) -> tuple[str, ...]:
    """Name what changed at an origin when only rows after it were changed; empty when nothing.

    Compared bit by bit: scale, climatology and regressions of the train block, the history that
    is cut, the forecast made from it, and the score of that forecast where only rows after the
    target were changed.
    """
    found: list[str] = []
    fitted = _fitted(series, train_rows, window)
    for origin in origins:
        row = range(origin, origin + 1)
        after_origin = corrupt_after(series, origin, seed=origin)
        after_target = corrupt_after(series, origin + window.horizon, seed=origin)
        for name, other in (("origin", after_origin), ("target", after_target)):
            if _fitted(other, train_rows, window) != fitted:
                found.append(f"scaler changed with rows after the {name} of row {origin}")
            ours, theirs = cut(series, window, row), cut(other, window, row)
            if not _same(ours.history, theirs.history):
                found.append(f"window changed with rows after the {name} of row {origin}")
            zero = np.zeros(1, dtype=np.int64)
            mine = forecast(ours.history, ours.origin_seconds(zero))
            yours = forecast(theirs.history, theirs.origin_seconds(zero))
            if not _same(mine, yours):
                found.append(f"forecast changed with rows after the {name} of row {origin}")
        beyond = cut(after_target, window, row).target
        if not _same(cut(series, window, row).target, beyond):
            found.append(f"score changed with rows after the target of row {origin}")
    return tuple(found)


def question(
    forecast: Forecast, series: ClimateSeries, window: WindowSpec, train_rows: int, gate: range
) -> SelfTest:
    """Run every self-test of a candidate on the gate's origins.

    Finite and ordered at every origin of the gate; the costlier questions at a few.
    """
    windows = cut(series, window, gate)
    every = _at_all(forecast, windows)
    first = np.arange(min(7, len(windows)), dtype=np.int64)
    history, origin = windows.history[first], windows.origin_seconds(first)
    together = forecast(history, origin)
    alone = np.concatenate([forecast(history[[i]], origin[[i]]) for i in first])
    with np.errstate(invalid="ignore"):  # infinite in both: the difference is NaN, and refused
        difference = float(np.abs(together - alone).max())
    last_start = len(series) - window.horizon - 1
    probes = sorted({gate[0], gate[len(gate) // 2], min(gate[-1], last_start - 1)})
    return SelfTest(
        finite=bool(np.isfinite(every).all()),
        ordered=bool((every[..., 1:] >= every[..., :-1]).all()),
        repeats=_same(together, forecast(history, origin)),
        batch_difference=difference,
        leaks=find_leaks(forecast, series, window, train_rows, probes),
    )


def _at_all(forecast: Forecast, windows: Windows, batch: int = 256) -> NDArray[np.float32]:
    """Forecast at every origin: (origins, horizon, levels)."""
    positions = np.arange(len(windows), dtype=np.int64)
    parts = [positions[first : first + batch] for first in range(0, len(windows), batch)]
    return np.concatenate(
        [forecast(windows.history[part], windows.origin_seconds(part)) for part in parts]
    )


def _same(one: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    """Compare bit by bit, so that NaN equals NaN and nothing else is forgiven."""
    return np.ascontiguousarray(one).tobytes() == np.ascontiguousarray(other).tobytes()


def _fitted(series: ClimateSeries, rows: int, window: WindowSpec) -> bytes:
    """Return every number that is fitted on the train block, bit by bit."""
    scaler, simple = fit_scaler(series, rows, window.horizon), fit_baselines(series, rows, window)
    parts = [
        *(scaler.mean, scaler.deviation, scaler.spread),
        *(np.float64(simple.climatology.intercept), simple.climatology.weights, simple.damping),
        *(each.weights_of() for each in (simple.linear, simple.shifted, simple.recentred)),
        np.float64(simple.usual_distance),
    ]
    return b"".join(np.ascontiguousarray(part).tobytes() for part in parts)
