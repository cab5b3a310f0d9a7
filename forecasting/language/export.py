"""Put trained members into one graph: symbols and state in, log-probabilities and state out."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from forecasting.language.model import CharacterModel
from forecasting.language.reading import (
    LOG_PROBABILITIES,
    NEXT_STATE,
    STATE,
    SYMBOLS,
    VOCABULARY_SHA256,
)
from forecasting.language.vocabulary import Vocabulary
from forecasting.recurrent import State
from forecasting.training.exporting import Signature, export_graph

SIGNATURE = Signature(
    inputs=(SYMBOLS, STATE),
    outputs=(LOG_PROBABILITIES, NEXT_STATE),
    free={
        SYMBOLS: {0: "batch", 1: "steps"},
        STATE: {0: "batch"},
        LOG_PROBABILITIES: {0: "batch", 1: "steps"},
        NEXT_STATE: {0: "batch"},
    },
)


class Ensemble(nn.Module):
    """Members whose probabilities are averaged; their states are one flat tensor outside."""

    def __init__(self, members: Sequence[CharacterModel]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    @property
    def networks(self) -> list[CharacterModel]:
        """The members, as what they are."""
        return [cast("CharacterModel", member) for member in self.members]

    @property
    def size(self) -> int:
        """Numbers in the flat state of one stream."""
        return sum(
            part.shape[-1]
            for member in self.networks
            for layer in member.core.start(1)
            for part in layer
        )

    def forward(self, symbols: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Read a stretch.

        Args:
            symbols: (batch, steps) int64.
            state: (batch, size).

        Returns:
            log-probabilities (batch, steps, symbols), and the state after, (batch, size).
        """
        logs, after, place = [], [], 0
        for member in self.networks:
            held: list[tuple[Tensor, ...]] = []
            for layer in member.core.start(1):
                parts = []
                for part in layer:
                    width = part.shape[-1]
                    parts.append(state[:, place : place + width].unsqueeze(0).contiguous())
                    place += width
                held.append(tuple(parts))
            logits, moved = member(symbols, tuple(held))
            logs.append(torch.log_softmax(logits, dim=-1))
            after.append(flat(moved))
        return mean_of(logs), torch.cat(after, dim=1)


def flat(state: State) -> Tensor:
    """Lay a state's parts side by side: (batch, numbers)."""
    return torch.cat([part.squeeze(0) for layer in state for part in layer], dim=1)


def mean_of(logs: Sequence[Tensor]) -> Tensor:
    """Return the logarithm of the mean probability, renormalised: (batch, steps, symbols)."""
    if len(logs) == 1:
        return logs[0]
    return torch.log_softmax(torch.logsumexp(torch.stack(list(logs)), dim=0), dim=-1)


def write_text_graph(model: nn.Module, size: int, vocabulary: Vocabulary, path: Path) -> None:
    """Export a model with a flat state; the graph says which vocabulary it was trained with."""
    # Two streams of three characters: a size of 1 would be frozen into the graph.
    symbols = torch.zeros(2, 3, dtype=torch.int64)
    state = torch.zeros(2, size)
    metadata = {VOCABULARY_SHA256: vocabulary.sha256}
    export_graph(model, (symbols, state), SIGNATURE, path, metadata)
