"""Turn a trained model into an ONNX file and its weights into safetensors: for every tenant."""

import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import onnx
import torch
from safetensors.torch import save as to_bytes
from torch import Tensor, nn
from torch.jit._trace import TracerWarning

from forecasting.stores.files import write_bytes

#: The operators that read a sequence, and the first of their inputs that is a state.
CELLS: Final = ("RNN", "GRU", "LSTM")
STATES: Final = 5


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
        made = onnx.load(str(exported))
        _begin_at_zero(made.graph)
        if metadata:
            onnx.helper.set_model_props(made, dict(metadata))
        onnx.checker.check_model(made)
        write_bytes(path, made.SerializeToString())


def _begin_at_zero(graph: onnx.GraphProto) -> None:
    """Leave out the states of zeros that cells begin with: they begin so where none is given.

    To make them, a graph measures the batch, for the time of five operations.
    """
    zeros = {node.output[0] for node in graph.node if _fills_with_zeros(node)}
    for node in graph.node:
        if node.op_type in CELLS:
            for place in range(STATES, len(node.input)):
                if node.input[place] in zeros:
                    node.input[place] = ""
    # The runtime would run what nobody reads. Nodes stand in order: backwards, readers come first.
    read = {output.name for output in graph.output}
    for node in reversed(list(graph.node)):
        if read.isdisjoint(node.output):
            graph.node.remove(node)
        else:
            read.update(node.input)


def _fills_with_zeros(node: onnx.NodeProto) -> bool:
    if node.op_type != "ConstantOfShape":
        return False
    return not any(onnx.numpy_helper.to_array(each.t).any() for each in node.attribute)


def write_weights(model: nn.Module, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write every weight and buffer of a model as safetensors."""
    state = {name: tensor.cpu().contiguous().clone() for name, tensor in model.state_dict().items()}
    write_bytes(path, to_bytes(state, metadata=None if metadata is None else dict(metadata)))
