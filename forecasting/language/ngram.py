"""Count which characters follow which contexts, and smooth the counts: the rival to beat."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

#: Orders that every run is compared with; order n looks at n - 1 characters.
ORDERS = tuple(range(1, 9))


@dataclass(frozen=True)
class Level:
    """The contexts of one length: their keys in order, and how often which symbol followed.

    `keys` holds (pairs,) keys of context and follower, `counts` how often each was seen;
    `contexts`, `totals` and `kinds` hold the contexts' keys, how often each was seen, and how
    many kinds of symbol followed it.
    """

    keys: Numbers
    counts: Numbers
    contexts: Numbers
    totals: Numbers
    kinds: Numbers


class WittenBell:
    """A character n-gram whose longer contexts yield to shorter ones.

    p(x | context) = (count(context x) + kinds(context) p(x | shorter)) / (total + kinds), down
    to the uniform distribution over the symbols.

    Source: Witten and Bell (1991), The zero-frequency problem; in the interpolated form of
    Chen and Goodman (1999).

    Args:
        training: (characters,) symbols.
        symbols: how many there are.
        order: the longest n-gram.
    """

    def __init__(self, training: Numbers, symbols: int, order: int) -> None:
        self.symbols = symbols
        self.levels = [_count(training, symbols, length) for length in range(order)]

    def log_probabilities(self, text: Numbers, before: Numbers) -> Iterator[NDArray[np.float64]]:
        """Yield, order by order, the log-probability of each character of a text.

        Args:
            text: (characters,) symbols.
            before: what stands before the text, for its first contexts.

        Yields:
            (characters,) in nats for order 1, then 2, up to the highest.
        """
        longest = len(self.levels) - 1
        whole = np.concatenate([before[len(before) - longest :] if longest else text[:0], text])
        start = len(whole) - len(text)
        places = np.arange(start, len(whole))
        shorter = np.full(len(text), 1.0 / self.symbols)
        for length, level in enumerate(self.levels):
            keys = _keys(whole, self.symbols, length)
            known = places >= length
            contexts = keys[np.maximum(places - length, 0)]
            totals, kinds = _look(level.contexts, contexts, level.totals, level.kinds)
            pairs = contexts * self.symbols + whole[places]
            (counts,) = _look(level.keys, pairs, level.counts)
            seen = known & (totals > 0)
            mixed = (counts + kinds * shorter) / np.maximum(totals + kinds, 1)
            shorter = np.where(seen, mixed, shorter)
            yield np.log(shorter)


def _keys(text: Numbers, symbols: int, length: int) -> Numbers:
    """Return a number for each stretch of a length: (characters - length + 1,).

    Eight symbols of a base of up to 200 fit into 64 bits; a wrap-around would only mean that
    two rare contexts of a larger alphabet share their counts.
    """
    keys = np.zeros(len(text) - length + 1, np.int64)
    for place in range(length):
        keys = keys * symbols + text[place : place + len(keys)]
    return keys


def _count(training: Numbers, symbols: int, length: int) -> Level:
    contexts = _keys(training, symbols, length)[: len(training) - length]
    pairs, first, counts = np.unique(
        contexts * symbols + training[length:], return_index=True, return_counts=True
    )
    names, totals = np.unique(contexts, return_counts=True)
    # A pair's first place in the text gives its context, whatever its key has become.
    _, kinds = np.unique(contexts[first], return_counts=True)
    return Level(keys=pairs, counts=counts, contexts=names, totals=totals, kinds=kinds)


def _look(keys: Numbers, asked: Numbers, *values: Numbers) -> tuple[Numbers, ...]:
    """Return the values of keys, 0 where a key is not there."""
    places = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    there = keys[places] == asked
    return tuple(np.where(there, value[places], 0) for value in values)
