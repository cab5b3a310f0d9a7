"""Measure how well the characters of a text were foretold: nats, bits, perplexity."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Losses = NDArray[np.float64]

#: How an infinite measure stands in JSON, which has no infinity.
INFINITE = "Infinity"


@dataclass(frozen=True, kw_only=True)
class TextScore:
    """The mean negative log-probability of a text's characters, in nats; three ways to say it."""

    characters: int
    cross_entropy: float

    @property
    def perplexity(self) -> float:
        """Among how many equally likely characters the model was in doubt: exp(cross-entropy)."""
        return math.exp(self.cross_entropy) if self.cross_entropy < 700 else math.inf

    @property
    def bits_per_character(self) -> float:
        """The length of the text in an ideal code made of the model, in bits a character."""
        return self.cross_entropy / math.log(2)

    def to_json(self) -> dict[str, int | float | str]:
        """Return all measures; an infinite one as the word."""
        return {
            "characters": self.characters,
            "cross_entropy": spoken(self.cross_entropy),
            "perplexity": spoken(self.perplexity),
            "bits_per_character": spoken(self.bits_per_character),
        }


def spoken(measure: float) -> float | str:
    """Return a measure as JSON can say it."""
    return measure if math.isfinite(measure) else INFINITE


def losses_of(log_probabilities: NDArray[np.floating], targets: NDArray[np.int64]) -> Losses:
    """Return each character's negative log-probability, in nats.

    Args:
        log_probabilities: (characters, symbols).
        targets: (characters,).

    Returns:
        (characters,); infinite where the target was held impossible.
    """
    picked = log_probabilities[np.arange(len(targets)), targets]
    losses: Losses = -picked.astype(np.float64)
    return losses


def score_of(losses: Losses) -> TextScore:
    """Return the measures of a text from its characters' losses, (characters,) in nats.

    >>> score_of(np.log([4.0, 4.0])).perplexity
    4.0
    """
    return TextScore(characters=len(losses), cross_entropy=float(losses.mean()))
