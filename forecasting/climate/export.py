"""Turn a trained ensemble into one self-contained ONNX graph in physical units, and run it."""

import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save as to_bytes
from torch import nn
from torch.jit._trace import TracerWarning

from forecasting.climate.windows import Windows, WindowSpec
from forecasting.stores.files import write_bytes
from forecasting.stores.graphs import open_graph

#: The graph's names, the same in the registry's signature and in the API.
HISTORY, ORIGIN, QUANTILES = "history", "origin", "quantiles"


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
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / path.name
        # The TorchScript exporter is 20 times faster than dynamo's, and warns that it is old.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="torch")
        warnings.filterwarnings("ignore", message=".*legacy TorchScript.*")
        warnings.filterwarnings("ignore", message="Constant folding - Only steps=1.*")
        warnings.filterwarnings("ignore", message=".*Exporting a model to ONNX with a batch_size.*")
        warnings.filterwarnings("ignore", category=TracerWarning)
        torch.onnx.export(
            model.cpu().eval(),
            (history, origin),
            str(exported),
            input_names=[HISTORY, ORIGIN],
            output_names=[QUANTILES],
            dynamic_axes={name: {0: "batch"} for name in (HISTORY, ORIGIN, QUANTILES)},
            opset_version=17,
            dynamo=False,
        )
        write_bytes(path, exported.read_bytes())


def write_weights(model: nn.Module, path: Path) -> None:
    """Write every weight and buffer of a model as safetensors."""
    state = {name: tensor.cpu().contiguous().clone() for name, tensor in model.state_dict().items()}
    write_bytes(path, to_bytes(state))


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
