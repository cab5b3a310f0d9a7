"""Draw a fixed number of windows from any number of stations, of which one at a time is read."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from forecasting.climate.fitting import MemberTask, gather
from forecasting.climate.model import ClimateForecaster
from forecasting.climate.pooling import PooledFitting
from forecasting.climate.recipe import VIEWS
from forecasting.climate.statics import Numbers, numbers_of
from forecasting.climate.windows import Windows
from forecasting.errors import SeriesTooShort, WindowError

#: Of so many windows that are trained on, one is drawn for the early stop.
STOPPED_ON = 4


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How many windows of one station a member is trained and stopped on."""

    train: int
    stop: int


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Windows that have been prepared by their stations: float32, ready for shared weights.

    features (windows, history, features) with zeros in the place of the statics, ahead (windows,
    horizon * waves), start, spread and target (windows, horizon), the target NaN for gaps.
    """

    features: NDArray[np.float32]
    ahead: NDArray[np.float32]
    start: NDArray[np.float32]
    spread: NDArray[np.float32]
    target: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one station brings to one member: its numbers, and its windows of either use."""

    numbers: Numbers
    train: Drawn
    stop: Drawn


def allot(stations: Sequence[str], windows: int, seed: int) -> dict[str, Budget]:
    """Divide a budget over stations: as many for each, the rest to some drawn with the seed.

    Raises:
        WindowError: fewer windows than one for each use.
    """
    if windows < STOPPED_ON:
        raise WindowError(
            "too few windows to train and to stop on",
            expected=f"{STOPPED_ON} or more",
            found=windows,
        )
    train = _shares(len(stations), windows, seed)
    stop = _shares(len(stations), windows // STOPPED_ON, seed + 1)
    return {
        name: Budget(train=train[place], stop=stop[place]) for place, name in enumerate(stations)
    }


def _shares(stations: int, windows: int, seed: int) -> list[int]:
    each, rest = divmod(windows, stations)
    favoured = set(np.random.default_rng(seed).permutation(stations)[:rest].tolist())
    return [each + (place in favoured) for place in range(stations)]


def draw(fitting: PooledFitting, budget: Budget) -> Iterator[tuple[int, Part]]:
    """Yield what a station brings to each member of a global candidate, by the member's seed.

    The draws depend on the station's name and the member's seed alone, and so neither on the
    other stations nor on the order in which they are read. A member whose stretch is one gap
    at this station gets nothing from it.
    """
    seeds = fitting.recipe.seeds(fitting.seed)
    for first in range(seeds.start, seeds.stop, len(VIEWS)):
        rivals = fitting.rivals(fitting.fold(first))
        for seed in range(first, first + len(VIEWS)):
            member = fitting.build(seed, rivals).eval()
            try:
                task = fitting.task(seed, member, rivals)
            except SeriesTooShort:
                continue
            place = fitting.series.station
            rng = np.random.default_rng([seed, _number_of(place.name)])
            yield seed, _part(task, member, budget, numbers_of(member, place), rng)


def _part(
    task: MemberTask,
    member: ClimateForecaster,
    budget: Budget,
    numbers: Numbers,
    rng: np.random.Generator,
) -> Part:
    stop = np.flatnonzero(task.early_stop.target_observed.any(axis=1))
    chosen = choose(np.flatnonzero(task.usable), budget.train, rng)
    shifts = rng.normal(0.0, task.shift, budget.train) if task.shift else np.zeros(budget.train)
    unmoved = np.zeros(budget.stop)
    return Part(
        numbers=numbers,
        train=_prepared(member, task.train, chosen, shifts),
        stop=_prepared(member, task.early_stop, choose(stop, budget.stop, rng), unmoved),
    )


def choose(usable: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose so many positions, none again before every other has come as often: (count,).

    Args:
        usable: (positions,), at least one.
        count: how many.
        rng: of the order.
    """
    rounds = -(-count // len(usable))
    every = [rng.permutation(usable) for _ in range(rounds)]
    return np.concatenate([usable[:0], *every])[:count]


def _prepared(
    member: ClimateForecaster,
    windows: Windows,
    positions: NDArray[np.int64],
    shifts: NDArray[np.float64],
) -> Drawn:
    """Let a member prepare windows, each target and its history moved by a shift: (windows,)."""
    history, origin, target = gather(windows, positions, torch.device("cpu"))
    moved = torch.from_numpy(shifts).float().unsqueeze(1)
    history[:, :, member.spec.target] += moved
    with torch.no_grad():
        ready = member.prepare(history, origin)
    return Drawn(
        features=ready.features.numpy(),
        ahead=ready.ahead.numpy(),
        start=ready.start.numpy(),
        spread=ready.spread.expand(len(positions), -1).contiguous().numpy(),
        target=(target + moved).numpy(),
    )


def joined(parts: Mapping[str, Drawn]) -> Drawn:
    """Put the stations' windows behind each other, in the order of their names."""
    ordered = [parts[name] for name in sorted(parts)]
    names = ("features", "ahead", "start", "spread", "target")
    return Drawn(
        **{name: np.concatenate([getattr(each, name) for each in ordered]) for name in names}
    )


def _number_of(name: str) -> int:
    """Return a number of a name that is the same in every process."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
