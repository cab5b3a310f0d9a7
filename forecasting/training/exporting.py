"""Turn a trained model into an ONNX file and its weights into safetensors: for every tenant."""

import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from safetensors.torch import save as to_bytes
from torch import Tensor, nn
from torch.jit._trace import TracerWarning

from forecasting.stores.files import write_bytes


@dataclass(frozen=True, kw_only=True)
class Signature:
    """The names of a graph's inputs and outputs, and which axes of each are free."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    free: Mapping[str, Mapping[int, str]]


def export_graph(
    model: nn.Module,
    examples: tuple[Tensor, ...],
    signature: Signature,
    path: Path,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Export a model to one self-contained file.

    Args:
        model: what to export, in evaluation mode afterwards.
        examples: inputs of sizes of 2 or more: 1 would be frozen into the graph.
        signature: names and free axes.
        path: the ONNX file to write.
        metadata: what the file says of itself.
    """
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
            examples,
            str(exported),
            input_names=list(signature.inputs),
            output_names=list(signature.outputs),
            dynamic_axes={name: dict(axes) for name, axes in signature.free.items()},
            opset_version=17,
            dynamo=False,
        )
        if metadata:
            graph = onnx.load(str(exported))
            onnx.helper.set_model_props(graph, dict(metadata))
            onnx.save(graph, str(exported))
        write_bytes(path, exported.read_bytes())


def write_weights(model: nn.Module, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write every weight and buffer of a model as safetensors."""
    state = {name: tensor.cpu().contiguous().clone() for name, tensor in model.state_dict().items()}
    write_bytes(path, to_bytes(state, metadata=None if metadata is None else dict(metadata)))
