"""Predict the next character: symbols in, a recurrent core, a logit for each symbol out."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from forecasting.errors import ModelInvalid
from forecasting.recurrent import Cell, CoreSpec, RecurrentCore, State


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """The shape of a character model.

    `embedding` is the width of learnt vectors that stand for the symbols; None hands them to
    the core one-hot, as in the lecture. `forget_bias` is what an LSTM's forget gates begin
    with: above 0 they begin open, and learning starts sooner. In training only: `dropout` acts
    on what the core gives, `input_dropout` on what it is given, `weight_dropout` on the weights
    from state to state, and a share `noise` of the symbols is replaced by others.
    """

    cell: Cell
    widths: tuple[int, ...]
    embedding: int | None = None
    forget_bias: float = 0.0
    dropout: float = 0.0
    input_dropout: float = 0.0
    weight_dropout: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        shares = (self.dropout, self.input_dropout, self.weight_dropout, self.noise)
        if not all(0 <= share < 1 for share in shares):
            raise ModelInvalid("dropout and noise are shares", expected="[0, 1)", found=shares)


class CharacterModel(nn.Module):
    """A recurrent core between a table of symbols and a layer of logits."""

    def __init__(self, spec: ModelSpec, symbols: int) -> None:
        super().__init__()
        self.spec, self.symbols = spec, symbols
        inputs = spec.embedding or symbols
        self.table = nn.Embedding(symbols, inputs)
        if spec.embedding is None:
            # Row i of the identity is symbol i one-hot: the lecture's inputs, by a look-up.
            self.table.weight = nn.Parameter(torch.eye(symbols), requires_grad=False)
        self.core = RecurrentCore(
            CoreSpec(cell=spec.cell, inputs=inputs, widths=spec.widths, dropout=spec.dropout)
        )
        if spec.cell == "lstm":
            open_forget_gates(self.core, spec.forget_bias)
        self.head = nn.Linear(self.core.width, symbols)
        self.input_dropout = nn.Dropout(spec.input_dropout)
        self.dropout = nn.Dropout(spec.dropout)

    def forward(self, numbers: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Read a stretch of symbols.

        Args:
            numbers: (batch, steps) int64.
            state: what an earlier stretch returned; None starts from zeros.

        Returns:
            logits (batch, steps, symbols) of the symbol that follows each, and the state.
        """
        if self.training and self.spec.noise:
            numbers = self._disturbed(numbers)
        inputs = self.input_dropout(self.table(numbers))  # (batch, steps, inputs)
        outputs, state = self.core(inputs, state)
        return self.head(self.dropout(outputs)), state

    def _disturbed(self, numbers: Tensor) -> Tensor:
        """Replace a share of the symbols by any others, so that no long context is learnt by heart.

        Source: Xie et al. (2017), Data noising as smoothing in neural network language models.
        """
        drawn = torch.randint_like(numbers, self.symbols)
        return torch.where(torch.rand(numbers.shape) < self.spec.noise, drawn, numbers)


def open_forget_gates(core: RecurrentCore, bias: float) -> None:
    """Add to the bias of every forget gate, the second block of torch's four.

    Source: Gers, Schmidhuber and Cummins (2000); Jozefowicz, Zaremba and Sutskever (2015), An
    empirical exploration of recurrent network architectures.
    """
    with torch.no_grad():
        for layer, width in zip(core.layers, core.spec.widths, strict=True):
            cast("Tensor", layer.bias_hh_l0)[width : 2 * width] += bias


def width_of_size(cell: Cell, parameters: int, symbols: int) -> int:
    """Return the width of a one-layer, one-hot model whose weights number nearest to a target.

    So the cells can be compared at equal parameters: an LSTM has four blocks of weights where
    a GRU has three and Elman's network one.
    """
    blocks = {"lstm": 4, "gru": 3}.get(cell, 1)

    def count(width: int) -> int:
        return blocks * width * (symbols + width + 2) + (width + 1) * symbols

    return min(range(1, 4097), key=lambda width: abs(count(width) - parameters))
