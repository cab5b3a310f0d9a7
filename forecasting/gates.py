"""Open the gates of a recurrent core: what each lets through at every step, and what it keeps."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from forecasting.errors import ModelInvalid
from forecasting.recurrent import LayerState, RecurrentCore

#: The gates of each gated cell, in the order in which torch stacks their weights; the LSTM's
#: third block is no gate but the proposed content, and so is the last block of both.
BLOCKS = {
    "lstm": ("input", "forget", "content", "output"),
    "gru": ("reset", "update", "content"),
}

#: The gate that multiplies the earlier memory. torch's update gate does, as in Cho et al. (2014);
#: in Chung et al. (2014) it multiplies the new content.
KEEPER = {"lstm": "forget", "gru": "update"}


@dataclass(frozen=True, kw_only=True)
class LayerGates:
    """What one layer did over a stretch of steps.

    `gates` holds (batch, steps, width) in [0, 1] by the gate's name; `keeper` names the one
    that multiplies the earlier memory. `memory` is the LSTM's cell state or the GRU's hidden
    state, `outputs` the hidden state, both (batch, steps, width).
    """

    keeper: str
    gates: dict[str, Tensor]
    memory: Tensor
    outputs: Tensor

    @property
    def kept(self) -> Tensor:
        """How much of the memory written so many steps back still stands: (batch, steps, width).

        Step 0 is the last one, whose own memory stands whole; at step s it is the product of
        the keeping gate over the last s steps.
        """
        keeping = self.gates[self.keeper].flip(1)  # the last step first
        whole = torch.ones_like(keeping[:, :1])
        return torch.cat([whole, keeping[:, :-1].cumprod(dim=1)], dim=1)

    @property
    def memory_length(self) -> Tensor:
        """How many steps of the past stand in the memory, by unit: (batch, width), in steps.

        The sum of `kept`: 1 for a unit that forgets at once, 1 / (1 - k) for one that keeps a
        share k at every step, and never more than the steps that were looked at.

        Source: the characteristic forgetting time of Tallec and Ollivier (2018), Can recurrent
        neural networks warp time?, taken along the gates' own course instead of at a constant.
        """
        return self.kept.sum(dim=1)


def open_gates(core: RecurrentCore, inputs: Tensor) -> tuple[LayerGates, ...]:
    """Run a gated core from its start and keep what every gate did, layer by layer.

    Args:
        core: an LSTM or a GRU; dropout between its layers is left out.
        inputs: (batch, steps, inputs).

    Raises:
        ModelInvalid: the cell has no gates.

    Source: Hochreiter and Schmidhuber (1997) with the forget gate of Gers, Schmidhuber and
    Cummins (2000); Cho et al. (2014), in the form of torch's nn.GRU.
    """
    cell = core.spec.cell
    if cell not in BLOCKS:
        raise ModelInvalid("the cell has no gates", expected=tuple(BLOCKS), found=cell)
    opened = []
    for layer, state in zip(core.layers, core.start(inputs.shape[0]), strict=True):
        opened.append(_open_layer(cell, cast("nn.RNNBase", layer), inputs, state))
        inputs = opened[-1].outputs
    return tuple(opened)


def _open_layer(cell: str, layer: nn.RNNBase, inputs: Tensor, state: LayerState) -> LayerGates:
    """Step through one layer; `state` is torch's, (1, batch, width) a part."""
    step_cell = _step_lstm if cell == "lstm" else _step_gru
    held = tuple(part.squeeze(0) for part in state)  # (batch, width) each
    gates: dict[str, list[Tensor]] = {name: [] for name in BLOCKS[cell] if name != "content"}
    states = []
    for step in range(inputs.shape[1]):
        opened, held = step_cell(layer, inputs[:, step], held)
        for name, values in gates.items():
            values.append(opened[name])
        states.append(held)
    return LayerGates(
        keeper=KEEPER[cell],
        gates={name: torch.stack(values, dim=1) for name, values in gates.items()},
        memory=torch.stack([each[-1] for each in states], dim=1),
        outputs=torch.stack([each[0] for each in states], dim=1),
    )


def _drive(layer: nn.RNNBase, now: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the inputs and what the state ask of all gates: (batch, blocks * width) each."""
    weights = {name: cast("Tensor", weight) for name, weight in layer.named_parameters()}
    fresh = nn.functional.linear(now, weights["weight_ih_l0"], weights["bias_ih_l0"])
    carried = nn.functional.linear(before, weights["weight_hh_l0"], weights["bias_hh_l0"])
    return fresh, carried


def _step_lstm(
    layer: nn.RNNBase, now: Tensor, state: LayerState
) -> tuple[dict[str, Tensor], LayerState]:
    """Take one step of an LSTM; the state is (hidden, memory)."""
    hidden, memory = state
    fresh, carried = _drive(layer, now, hidden)
    enter, forget, content, leave = (fresh + carried).chunk(4, dim=1)
    gates = {
        "input": torch.sigmoid(enter),
        "forget": torch.sigmoid(forget),
        "output": torch.sigmoid(leave),
    }
    memory = gates["forget"] * memory + gates["input"] * torch.tanh(content)
    return gates, (gates["output"] * torch.tanh(memory), memory)


def _step_gru(
    layer: nn.RNNBase, now: Tensor, state: LayerState
) -> tuple[dict[str, Tensor], LayerState]:
    """Take one step of a GRU; the state is (hidden,), which is its memory too."""
    (hidden,) = state
    fresh, carried = _drive(layer, now, hidden)
    reset, update, content = zip(fresh.chunk(3, dim=1), carried.chunk(3, dim=1), strict=True)
    gates = {
        "reset": torch.sigmoid(reset[0] + reset[1]),
        "update": torch.sigmoid(update[0] + update[1]),
    }
    proposed = torch.tanh(content[0] + gates["reset"] * content[1])
    return gates, ((1 - gates["update"]) * proposed + gates["update"] * hidden,)
