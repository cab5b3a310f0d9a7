"""Find out how a graph runs on this processor, before anybody asks it."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from forecasting.stores.graphs import runtime_errors
from forecasting.stores.published import ModelCard

if TYPE_CHECKING:
    import onnxruntime

#: Most histories that a graph is run on at once. Eight posts were half as many again in a second
#: where sixty clients asked, but health checks in an overload waited for 150 ms, and sessions that
#: had been tried with eight left the allocator two thirds more after many swaps.
MOST_TOGETHER: Final = 2

#: Seconds between the origins on which a graph is tried: other days of the year each.
ORIGINS_APART: Final = 45 * 86_400


def together_in(session: "onnxruntime.InferenceSession", card: ModelCard) -> int:
    """Return on how many histories a graph may be run at once: `MOST_TOGETHER`, or 1.

    A runtime may compute a row by other instructions where others stand beside it. Graphs are
    written so that it does not (forecasting/climate/side_by_side.py). Whether that holds for
    this graph on this processor is tried with every number of histories up to `MOST_TOGETHER`:
    one bit of difference, and they are run one by one.
    """
    feeds = _made_up(card)

    def run(rows: slice) -> NDArray[np.float32]:
        some = {name: numbers[rows] for name, numbers in feeds.items()}
        found: NDArray[np.float32] = session.run(["quantiles"], some)[0]
        return found

    try:
        each = np.concatenate([run(slice(row, row + 1)) for row in range(MOST_TOGETHER)])
        same = all(
            np.array_equal(run(slice(count)), each[:count], equal_nan=True)
            for count in range(2, MOST_TOGETHER + 1)
        )
    except runtime_errors():
        same = False
    return MOST_TOGETHER if same else 1


def _made_up(card: ModelCard) -> dict[str, NDArray[Any]]:
    """Return histories, every other one with gaps, and their origins."""
    shape = (MOST_TOGETHER, card.history, len(card.variables))
    histories = np.random.default_rng(0).normal(10.0, 8.0, shape).astype(np.float32)
    histories[1::2, 1::3] = np.nan
    origins = np.arange(MOST_TOGETHER, dtype=np.int64) * ORIGINS_APART
    return {"history": histories, "origin": origins}
