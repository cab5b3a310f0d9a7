"""Try a graph as it will be used: alone and in a batch, whole and in halves, twice the same."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.errors import ModelOutputInvalid
from forecasting.language.reading import TextGraph

#: How far log-probabilities may stray between batches and between halves, in nats.
TOLERANCE = 1e-4

#: How far the probabilities of all symbols may sum from 1.
WHOLE = 1e-4


@dataclass(frozen=True, kw_only=True)
class SelfTest:
    """What the trial showed; differences are in nats."""

    finite: bool
    repeats: bool
    batch_difference: float
    halves_difference: float
    sum_difference: float

    @property
    def passed(self) -> bool:
        """Whether the graph may be served."""
        strays = max(self.batch_difference, self.halves_difference)
        return self.finite and self.repeats and strays <= TOLERANCE and self.sum_difference <= WHOLE


def selftest(graph: TextGraph, text: NDArray[np.int64]) -> SelfTest:
    """Try a graph on seven stretches of a text.

    Args:
        graph: the exported graph.
        text: (characters,), at least 7.
    """
    steps = min(32, len(text) // 7)
    stretches = np.ascontiguousarray(text[: 7 * steps].reshape(7, steps))
    try:
        together, after = graph(stretches, graph.start(7))
        again, _ = graph(stretches, graph.start(7))
        alone = [graph(stretches[[row]], graph.start())[0][0] for row in range(7)]
        first, state = graph(stretches[:, : steps // 2], graph.start(7))
        second, ended = graph(stretches[:, steps // 2 :], state)
    except ModelOutputInvalid:
        return SelfTest(
            finite=False,
            repeats=False,
            batch_difference=np.inf,
            halves_difference=np.inf,
            sum_difference=np.inf,
        )
    halves = np.concatenate([first, second], axis=1)
    return SelfTest(
        finite=True,
        repeats=together.tobytes() == again.tobytes(),
        batch_difference=float(np.abs(together - np.stack(alone)).max()),
        halves_difference=float(max(np.abs(together - halves).max(), np.abs(after - ended).max())),
        sum_difference=float(np.abs(np.exp(together.astype(np.float64)).sum(axis=-1) - 1).max()),
    )
