"""Turn a trained ensemble into one self-contained ONNX graph in physical units, and run it."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from forecasting.climate.windows import Windows, WindowSpec
from forecasting.stores.graphs import open_graph
from forecasting.training.exporting import Signature, export_graph

#: The graph's names, the same in the registry's signature and in the API.
HISTORY, ORIGIN, QUANTILES = "history", "origin", "quantiles"

SIGNATURE = Signature(
    inputs=(HISTORY, ORIGIN),
    outputs=(QUANTILES,),
    free={name: {0: "batch"} for name in (HISTORY, ORIGIN, QUANTILES)},
)


def write_graph(model: nn.Module, window: WindowSpec, variables: int, path: Path) -> None:
    """Export a forecaster with a free batch axis.

    Args:
        model: takes history (batch, history, variables) and origin (batch,).
        window: the history's and the horizon's steps.
        variables: columns of the history.
        path: the ONNX file to write.
    """
    # A batch of 2 in the example: 1 would be frozen into the graph.
    history = torch.zeros(2, window.history, variables)
    origin = torch.zeros(2, dtype=torch.int64)
    export_graph(model, (history, origin), SIGNATURE, path)


class GraphForecaster:
    """A published graph on one thread of ONNX Runtime."""

    def __init__(self, path: Path) -> None:
        self.session = open_graph(path)

    def __call__(
        self, history: NDArray[np.float32], origin: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return quantiles (batch, horizon, levels) in the target's unit."""
        feeds = {HISTORY: np.ascontiguousarray(history), ORIGIN: origin}
        quantiles: NDArray[np.float32] = self.session.run([QUANTILES], feeds)[0]
        return quantiles

    def at(self, windows: Windows, batch: int = 256) -> NDArray[np.float32]:
        """Forecast at every origin: (origins, horizon, levels)."""
        parts = []
        for first in range(0, len(windows), batch):
            positions = np.arange(first, min(first + batch, len(windows)))
            parts.append(self(windows.history[positions], windows.origin_seconds(positions)))
        return np.concatenate(parts)
