"""Draw the next symbol: greedy, or by temperature, top-k and top-p, from a seed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.errors import GatecastError

#: Uniform numbers drawn at once: one by one they would cost as much as all the rest.
DRAWN = 1024


class SamplingInvalid(GatecastError):
    """A way of drawing that does not exist."""

    code = "SAMPLING_INVALID"


@dataclass(frozen=True, kw_only=True)
class SamplingSpec:
    """How symbols are drawn.

    `temperature` divides the logits; 0 takes the likeliest symbol. `top_k` keeps so many of the
    likeliest symbols, `top_p` the fewest that hold that much of the probability. The same seed
    draws the same text.

    Source: Fan, Lewis and Dauphin (2018) for top-k; Holtzman et al. (2020) for top-p.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < np.inf:  # NaN compares false as well
            raise SamplingInvalid("no such temperature", expected="0 or more, finite")
        if self.top_k is not None and self.top_k < 1:
            raise SamplingInvalid("no such top_k", expected="1 or more", found=self.top_k)
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise SamplingInvalid("no such top_p", expected="above 0, at most 1")


def sampler(spec: SamplingSpec) -> Callable[[NDArray[np.float32]], int]:
    """Return what draws a symbol from log-probabilities, (symbols,).

    Symbol 0, the unknown one, is never drawn.
    """
    if spec.temperature == 0:
        return _likeliest
    return _Draws(spec)


def _likeliest(log_probabilities: NDArray[np.float32]) -> int:
    return int(log_probabilities[1:].argmax()) + 1


class _Draws:
    """A stream of draws from one seed."""

    def __init__(self, spec: SamplingSpec) -> None:
        self.spec = spec
        self.generator = np.random.default_rng(spec.seed)
        self.uniform: Iterator[float] = iter(())

    def __call__(self, log_probabilities: NDArray[np.float32]) -> int:
        weights = tempered(log_probabilities[1:], self.spec.temperature)
        if self.spec.top_k is not None:
            weights = keep_likeliest(weights, self.spec.top_k)
        if self.spec.top_p is not None:
            weights = keep_nucleus(weights, self.spec.top_p)
        reached = weights.cumsum()
        place = int(reached.searchsorted(self._next() * reached[-1], side="right"))
        return min(place, int(weights.nonzero()[0][-1])) + 1

    def _next(self) -> float:
        drawn = next(self.uniform, None)
        if drawn is None:
            self.uniform = iter(self.generator.random(DRAWN).tolist())
            drawn = next(self.uniform)
        return drawn


def tempered(log_probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Return weights of the symbols, 1 for the likeliest: (symbols,).

    Any temperature above 0 works: differences are taken before they are divided, and what
    becomes too small for a number is 0.
    """
    logits = log_probabilities.astype(np.float64)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        # A zero divided by a temperature that is no longer a normal number would be NaN.
        weights = np.exp((logits - logits.max()) / max(temperature, 1e-300))
    known: NDArray[np.float64] = np.nan_to_num(weights, nan=0.0)
    return known


def keep_likeliest(weights: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Keep the `count` largest weights; the earlier of equal ones."""
    if count >= len(weights):
        return weights
    kept = np.zeros_like(weights)
    order = np.argsort(-weights, kind="stable")[:count]
    kept[order] = weights[order]
    return kept


def keep_nucleus(weights: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Keep the fewest of the largest weights whose sum reaches a share of the whole."""
    order = np.argsort(-weights, kind="stable")
    reached = weights[order].cumsum()
    # At least one is kept: the first one that reaches the share is among them.
    count = int(np.searchsorted(reached, share * reached[-1])) + 1
    kept = np.zeros_like(weights)
    kept[order[:count]] = weights[order[:count]]
    return kept
