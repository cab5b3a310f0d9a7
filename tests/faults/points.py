"""Kill the retraining at its named crash points: at every one, and at as many of its passings."""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from forecasting.faults import POINTS
from tests.faults.trials import Fault

PART = "points"


def passed(notes: Path) -> Counter[str]:
    """Return how often an undisturbed retraining passed each point."""
    return Counter(notes.read_text().split())


def unreached(found: Counter[str]) -> list[str]:
    """Return the points that exist and that no retraining came to."""
    return [point for point in POINTS if point not in found]


def kills(found: Counter[str], most: int, rng: random.Random) -> list[Fault]:
    """Choose where to kill: each point once at least, then passings drawn evenly over all.

    Args:
        found: how often each point is passed.
        most: how many kills, at least one a point.
        rng: draws the passings.
    """
    first = [(point, rng.randint(1, times)) for point, times in found.items()]
    rest = [
        (point, at)
        for point, times in found.items()
        for at in range(1, times + 1)
        if (point, at) not in first
    ]
    chosen = first + spread(rest, most - len(first), rng)
    return [
        Fault(part=PART, name=f"{point}@{at}", text=f"{point}@{at}:kill") for point, at in chosen
    ]


def spread(choice: Sequence, most: int, rng: random.Random) -> list:
    """Return at most so many of a sequence, evenly apart, from a place that is drawn."""
    if most <= 0:
        return []
    if most >= len(choice):
        return list(choice)
    step = len(choice) / most
    begin = rng.random() * step
    return [choice[int(begin + number * step)] for number in range(most)]
