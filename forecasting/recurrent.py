"""One recurrent core for every model: four cells, state in and state out, nothing kept."""

import copy
import itertools
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn

from forecasting.errors import ModelInvalid

Cell = Literal["rnn", "irnn", "lstm", "gru"]
CELLS: tuple[Cell, ...] = ("rnn", "irnn", "lstm", "gru")

#: State of one layer: hidden, and for the LSTM its memory cell too, each (1, batch, width).
LayerState = tuple[Tensor, ...]
State = tuple[LayerState, ...]


@dataclass(frozen=True, kw_only=True)
class CoreSpec:
    """The shape of a recurrent core.

    `rnn` is Elman's with tanh, `irnn` Elman's with ReLU started at the identity.
    `widths` has one entry a layer. `dropout` acts between layers, in training only.
    `one_bias` freezes the second bias of each gate at zero, as in Keras' LSTM.
    """

    cell: Cell
    inputs: int
    widths: tuple[int, ...]
    dropout: float = 0.0
    one_bias: bool = False

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise ModelInvalid("no such cell", expected=CELLS, found=self.cell)
        if self.inputs < 1 or not self.widths or min(self.widths) < 1:
            raise ModelInvalid(
                "a core needs inputs and at least one layer",
                expected="positive sizes",
                found=f"{self.inputs} and {self.widths}",
            )
        if not 0 <= self.dropout < 1:
            raise ModelInvalid("dropout is a share", expected="[0, 1)", found=self.dropout)


def make_layer(spec: CoreSpec, inputs: int, width: int) -> nn.RNNBase:
    """Build one layer of the cell.

    Source: Elman (1990); Le, Jaitly and Hinton (2015), A simple way to initialize recurrent
    networks of rectified linear units; Hochreiter and Schmidhuber (1997); Cho et al. (2014).
    """
    layer: nn.RNNBase
    if spec.cell == "lstm":
        layer = nn.LSTM(inputs, width, batch_first=True)
    elif spec.cell == "gru":
        layer = nn.GRU(inputs, width, batch_first=True)
    else:
        nonlinearity = "relu" if spec.cell == "irnn" else "tanh"
        layer = nn.RNN(inputs, width, nonlinearity=nonlinearity, batch_first=True)
    if spec.cell == "irnn":
        nn.init.normal_(cast("Tensor", layer.weight_ih_l0), std=0.001)
        nn.init.eye_(cast("Tensor", layer.weight_hh_l0))
        nn.init.zeros_(cast("Tensor", layer.bias_ih_l0))
        nn.init.zeros_(cast("Tensor", layer.bias_hh_l0))
    if spec.one_bias:
        second = cast("Tensor", layer.bias_hh_l0)
        nn.init.zeros_(second)
        second.requires_grad = False
    return layer


class RecurrentCore(nn.Module):
    """A stack of recurrent layers that remembers weights only."""

    def __init__(self, spec: CoreSpec) -> None:
        super().__init__()
        self.spec = spec
        sizes = (spec.inputs, *spec.widths)
        self.layers = nn.ModuleList(
            make_layer(spec, inputs, width) for inputs, width in itertools.pairwise(sizes)
        )
        self.dropout = nn.Dropout(spec.dropout)

    @property
    def width(self) -> int:
        """Features of the output at each step."""
        return self.spec.widths[-1]

    def start(self, batch: int) -> State:
        """Return the state before any input: zeros, (1, batch, width) per layer."""
        reference = next(self.parameters())
        parts = 2 if self.spec.cell == "lstm" else 1
        return tuple(
            tuple(reference.new_zeros(1, batch, width) for _ in range(parts))
            for width in self.spec.widths
        )

    def forward(
        self, inputs: Tensor, state: State | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run the stack over a stretch of steps.

        Args:
            inputs: (batch, steps, inputs).
            state: what an earlier stretch returned; None starts from zeros.
            mask: (batch, steps) true where a step counts; at a false step the state stands
                still and the output repeats the state's. None counts every step.

        Returns:
            outputs (batch, steps, width) of the last layer, and the state after the last step.

        Raises:
            ModelInvalid: the inputs or the mask have another shape.
        """
        if inputs.dim() != 3 or inputs.shape[-1] != self.spec.inputs:
            raise ModelInvalid(
                "inputs of another shape",
                expected=f"(batch, steps, {self.spec.inputs})",
                found=tuple(inputs.shape),
            )
        if mask is not None and mask.shape != inputs.shape[:2]:
            raise ModelInvalid(
                "mask of another shape",
                expected=tuple(inputs.shape[:2]),
                found=tuple(mask.shape),
            )
        before = self.start(inputs.shape[0]) if state is None else state
        after: list[LayerState] = []
        outputs = inputs
        for position, layer in enumerate(self.layers):
            if position:
                outputs = self.dropout(outputs)
            outputs, held = run_layer(layer, outputs, before[position], mask)
            after.append(held)
        return outputs, tuple(after)

    def after(self, inputs: Tensor, state: State) -> Tensor:
        """Return the last layer's output after the last step alone: (1, batch, width).

        Args:
            inputs: (steps, batch, inputs), as a graph's cells read them: none has to be turned.
            state: the state before the first step.
        """
        outputs = inputs
        for position, layer in enumerate(self.layers):
            if position:
                outputs = self.dropout(outputs)
            outputs, held = call_layer(_steps_first(layer), outputs, state[position])
        return held[0]


def _steps_first(layer: nn.Module) -> nn.Module:
    """Return the same layer, with the same weights, for inputs (steps, batch, inputs)."""
    turned = copy.copy(layer)
    turned.batch_first = False  # type: ignore[assignment]
    return turned


def run_layer(
    layer: nn.Module, inputs: Tensor, state: LayerState, mask: Tensor | None
) -> tuple[Tensor, LayerState]:
    """Run one layer; with a mask step by step, so that a masked step leaves the state alone."""
    if mask is None:
        return call_layer(layer, inputs, state)
    outputs = []
    for step in range(inputs.shape[1]):
        _, moved = call_layer(layer, inputs[:, step : step + 1], state)
        counts = mask[:, step].view(1, -1, 1)  # (1, batch, 1)
        state = tuple(torch.where(counts, new, old) for new, old in zip(moved, state, strict=True))
        outputs.append(state[0].transpose(0, 1))  # (batch, 1, width)
    return torch.cat(outputs, dim=1), state


def call_layer(layer: nn.Module, inputs: Tensor, state: LayerState) -> tuple[Tensor, LayerState]:
    """Give torch its two spellings of a state: a pair for the LSTM, a tensor for the others."""
    outputs, held = layer(inputs, state if len(state) == 2 else state[0])
    return outputs, held if isinstance(held, tuple) else (held,)


def detach(state: State) -> State:
    """Cut the state from the graph that made it: truncated back-propagation through time."""
    return tuple(tuple(part.detach() for part in layer) for layer in state)


def trainable(module: nn.Module) -> int:
    """Count the parameters that training may change."""
    return sum(weight.numel() for weight in module.parameters() if weight.requires_grad)
