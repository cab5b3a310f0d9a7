"""Mix a network with an n-gram, context length by context length: both sides inside one graph.

A network forgets names that it read once; an n-gram keeps them. How much the n-gram is believed
depends on how many of the last characters it has seen together, and is learnt on the validation
text.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from forecasting.language.export import Ensemble
from forecasting.language.scoring import Losses

Numbers = NDArray[np.int64]

#: Longest context of the mixed n-gram, in characters.
LONGEST = 6

#: Most bytes of the n-gram's tables in the graph: contexts are as long as they have room for.
ROOM = 24 * 2**20

#: Weights of the n-gram that are tried for each length of context.
WEIGHTS = np.linspace(0.0, 0.95, 39)


@dataclass(frozen=True)
class Automaton:
    """A Witten-Bell n-gram as tables, so that looking up is gathering.

    Node 0 is nowhere, node 1 the empty context; longer contexts have larger numbers. `children`
    (nodes * symbols,) holds at node * symbols + s the child's number times the symbols, where s
    is the character before the context, and 0 where training never saw that. `probabilities` is
    (nodes, symbols), `lengths` (nodes,) the characters of each context.
    """

    symbols: int
    children: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    lengths: Numbers

    @property
    def longest(self) -> int:
        """Characters of the longest context."""
        return int(self.lengths.max())

    def nodes(self, text: Numbers) -> Numbers:
        """Return the node of the longest known context that ends at each character."""
        padded = np.concatenate([np.zeros(self.longest - 1, np.int64), text])
        place = np.full(len(text), self.symbols)
        deepest = place.copy()
        for back in range(self.longest):
            first = self.longest - 1 - back
            place = self.children[place + padded[first : first + len(text)]].astype(np.int64)
            deepest = np.maximum(deepest, place)
        return deepest // self.symbols


def build_automaton(training: Numbers, symbols: int, room: int = ROOM) -> Automaton:
    """Count a training text into tables, with contexts as long as there is room for.

    Source: Witten and Bell (1991), in the interpolated form of Chen and Goodman (1999).
    """
    names, levels = [np.zeros(1, np.int64)], [_distribution(training, symbols, 0, None)]
    parents, first = [np.zeros(1, np.int64)], 1
    for length in range(1, LONGEST + 1):
        known = np.unique(_contexts(training, symbols, length))
        nodes = 1 + sum(map(len, names)) + len(known)
        if nodes * symbols * 8 > room:
            break
        above = np.searchsorted(names[-1], known % symbols ** (length - 1))
        levels.append(_distribution(training, symbols, length, levels[-1][above]))
        parents.append(first + above)
        first += len(names[-1])
        names.append(known)
    return _tables(symbols, names, levels, parents)


def _contexts(training: Numbers, symbols: int, length: int) -> Numbers:
    """Return a number for the context before each character that has so long a one."""
    keys = np.zeros(len(training) - length, np.int64)
    for place in range(length):
        keys = keys * symbols + training[place : place + len(keys)]
    return keys


def _distribution(
    training: Numbers, symbols: int, length: int, shorter: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return the smoothed distribution after each context of a length: (contexts, symbols)."""
    keys = _contexts(training, symbols, length)
    known, place = np.unique(keys, return_inverse=True)
    counts = np.bincount(place * symbols + training[length:], minlength=len(known) * symbols)
    counts = counts.reshape(len(known), symbols)
    kinds = (counts > 0).sum(axis=1, keepdims=True)
    below = np.full((1, symbols), 1.0 / symbols) if shorter is None else shorter
    smoothed: NDArray[np.float64] = (counts + kinds * below) / (
        counts.sum(axis=1, keepdims=True) + kinds
    )
    return smoothed


def _tables(
    symbols: int,
    names: list[Numbers],
    levels: list[NDArray[np.float64]],
    parents: list[Numbers],
) -> Automaton:
    sizes = [len(each) for each in names]
    nodes = 1 + sum(sizes)
    children = np.zeros(nodes * symbols, np.int32)
    first = 2
    for length, size in enumerate(sizes[1:], start=1):
        oldest = names[length] // symbols ** (length - 1)
        children[parents[length] * symbols + oldest] = np.arange(first, first + size) * symbols
        first += size
    return Automaton(
        symbols=symbols,
        children=children,
        probabilities=np.concatenate([np.zeros((1, symbols)), *levels]).astype(np.float32),
        lengths=np.concatenate([[0], np.repeat(np.arange(len(sizes)), sizes)]).astype(np.int64),
    )


def learn_weights(automaton: Automaton, text: Numbers, before: Numbers, ours: Losses) -> Losses:
    """Choose for each length of context how much of the probability is the n-gram's.

    Args:
        automaton: the n-gram.
        text: (characters,) of the validation text, which neither was trained on.
        before: what stands before it.
        ours: (characters,) nats of the network.

    Returns:
        (lengths,), a weight for each number of characters that the n-gram recognises.
    """
    whole = np.concatenate([before, text])
    nodes = automaton.nodes(whole)[len(before) - 1 : -1]
    theirs = automaton.probabilities[nodes, text].astype(np.float64)
    lengths = automaton.lengths[nodes]
    weights = np.zeros(automaton.longest + 1)
    for length in np.unique(lengths):
        at = lengths == length
        mixed = np.exp(-ours[at]) * (1 - WEIGHTS[:, None]) + theirs[at] * WEIGHTS[:, None]
        weights[length] = WEIGHTS[np.log(mixed).sum(axis=1).argmax()]
    return weights


class Mixture(nn.Module):
    """An ensemble and an n-gram; the last characters stand at the end of the flat state."""

    def __init__(self, ensemble: Ensemble, automaton: Automaton, weights: Losses) -> None:
        super().__init__()
        self.ensemble, self.symbols = ensemble, automaton.symbols
        self.longest = automaton.longest
        share = weights[automaton.lengths][:, None]
        self.deeper: Tensor
        self.shares: Tensor
        self.kept: Tensor
        self.register_buffer("deeper", torch.from_numpy(automaton.children))
        shares = (automaton.probabilities * share).astype(np.float32)
        self.register_buffer("shares", torch.from_numpy(shares))
        self.register_buffer("kept", torch.from_numpy((1 - share).astype(np.float32)))

    @property
    def size(self) -> int:
        """Numbers in the flat state of one stream."""
        return self.ensemble.size + self.longest

    def forward(self, symbols: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Read a stretch; as `Ensemble.forward`, with `longest` more numbers in the state."""
        batch, steps = symbols.shape[0], symbols.shape[1]
        own = self.ensemble.size
        logs, moved = self.ensemble(symbols, state[:, :own])
        recent = torch.cat([state[:, own:].to(torch.int32), symbols.to(torch.int32)], dim=1)
        place = torch.full_like(symbols, self.symbols, dtype=torch.int32)  # the empty context
        deepest = place
        for back in range(self.longest):
            first = self.longest - back
            read = (place + recent[:, first : first + steps]).flatten()
            place = self.deeper.index_select(0, read).view(batch, steps)
            # A longer context has a larger number, and none that ended has one at all.
            deepest = torch.maximum(deepest, place)
        node = (deepest // self.symbols).flatten()
        shares = self.shares.index_select(0, node).view(batch, steps, self.symbols)
        kept = self.kept.index_select(0, node).view(batch, steps, 1)
        mixed = torch.log(torch.exp(logs) * kept + shares)  # (batch, steps, symbols)
        after = recent[:, -self.longest :].to(torch.float32)
        return mixed, torch.cat([moved, after], dim=1)
