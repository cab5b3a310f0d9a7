"""Find out how a graph runs on this processor, before anybody asks it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from forecasting.stores.graphs import runtime_errors
from forecasting.stores.published import ModelCard

if TYPE_CHECKING:
    import onnxruntime

#: The most multiplications of a quick graph, counted as parameters times steps of history. One
#: member of 32 units and 60 days has 0.6 million and takes 0.25 ms; twelve take 0.8. To hand work
#: to a thread and wait for it costs as much as the former: a quick graph is run in the event loop,
#: where it took a fifth to a quarter less of the processor for each post. Not by a clock: the same
#: run takes twice as long while others use the machine.
QUICK: Final = 1_500_000

#: Most histories that a graph is run on at once. Of twelve members, eight at once were half as
#: many posts again in a second where sixty clients asked, but health checks in an overload waited
#: for 150 ms, and sessions that had been tried with eight left the allocator two thirds more after
#: many swaps; four at once left the event loop nothing to do meanwhile.
MOST_TOGETHER: Final = 2
MOST_OF_A_QUICK_ONE: Final = 4

#: Seconds between the origins on which a graph is tried: other days of the year each.
ORIGINS_APART: Final = 45 * 86_400


@dataclass(frozen=True)
class Pace:
    """How a graph is run: on so many histories at once, and whether it is over at once."""

    together: int
    quick: bool


#: How a graph is run that has not been tried.
UNTRIED: Final = Pace(together=1, quick=False)


def pace_of(session: "onnxruntime.InferenceSession", card: ModelCard) -> Pace:
    """Return how a graph may be run.

    A runtime may compute a row by other instructions where others stand beside it. Graphs are
    written so that it does not (forecasting/climate/side_by_side.py). Whether that holds for
    this graph on this processor is tried with every number of histories up to the most: one bit
    of difference, and they are run one by one.
    """
    feeds = _made_up(card)

    def run(first: int, end: int) -> NDArray[np.float32]:
        some = {name: numbers[first:end] for name, numbers in feeds.items()}
        found: NDArray[np.float32] = session.run(["quantiles"], some)[0]
        return found

    quick = card.parameters * card.history <= QUICK
    most = MOST_OF_A_QUICK_ONE if quick else MOST_TOGETHER
    try:
        each = np.concatenate([run(row, row + 1) for row in range(most)])
        same = all(
            np.array_equal(run(0, count), each[:count], equal_nan=True)
            for count in range(2, most + 1)
        )
    except runtime_errors():
        same = False
    return Pace(together=most if same else 1, quick=quick)


def _made_up(card: ModelCard) -> dict[str, NDArray[Any]]:
    """Return histories, every other one with gaps, and their origins."""
    shape = (MOST_OF_A_QUICK_ONE, card.history, len(card.variables))
    histories = np.random.default_rng(0).normal(10.0, 8.0, shape).astype(np.float32)
    histories[1::2, 1::3] = np.nan
    origins = np.arange(MOST_OF_A_QUICK_ONE, dtype=np.int64) * ORIGINS_APART
    return {"history": histories, "origin": origins}
