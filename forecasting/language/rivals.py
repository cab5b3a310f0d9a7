"""Measure the simple rivals on a corpus: uniform, unigram, n-grams, and two compressors."""

import bz2
import lzma
from dataclasses import dataclass

import numpy as np

from forecasting.language.corpus import Corpus
from forecasting.language.ngram import ORDERS, WittenBell
from forecasting.language.scoring import Losses, TextScore, score_of


@dataclass(frozen=True, kw_only=True)
class Rivals:
    """What simple models say of the same text.

    `scores` are those of the test text by the rival's name; `validation` the n-grams' on the
    validation text; `best` is the n-gram that validation chose and `losses` its nats at each
    test character.
    """

    scores: dict[str, TextScore]
    validation: dict[str, TextScore]
    best: str
    losses: Losses


def ngram_name(order: int) -> str:
    """Return how an n-gram is called in reports.

    >>> ngram_name(5)
    'n-gram 5'
    """
    return f"n-gram {order}"


def measure_rivals(corpus: Corpus) -> Rivals:
    """Fit every simple rival on the training text and ask it about the test text.

    The n-grams read what stands before a text, as the networks do.
    """
    vocabulary = corpus.vocabulary
    train, validation, test = (
        vocabulary.encode(part) for part in (corpus.train, corpus.validation, corpus.test)
    )
    counted = WittenBell(train, len(vocabulary), max(ORDERS))
    chosen = {
        ngram_name(order): score_of(-log)
        for order, log in zip(ORDERS, counted.log_probabilities(validation, train), strict=True)
    }
    tested = {
        ngram_name(order): -log
        for order, log in zip(ORDERS, counted.log_probabilities(test, validation), strict=True)
    }
    best = min(chosen, key=lambda name: chosen[name].cross_entropy)
    uniform = TextScore(characters=len(test), cross_entropy=float(np.log(len(vocabulary))))
    return Rivals(
        scores={
            "uniform": uniform,
            "unigram": score_of(tested[ngram_name(1)]),
            **{name: score_of(losses) for name, losses in tested.items()},
            **compressors(corpus),
        },
        validation=chosen,
        best=best,
        losses=tested[best],
    )


def compressors(corpus: Corpus) -> dict[str, TextScore]:
    """Return how many nats a character of the test text costs two compressors.

    Each packs the text before the test text, then the whole: what the test text adds is its
    cost, so that the compressors have learnt from the same text as the others.
    """
    before, whole = (corpus.train + corpus.validation).encode(), corpus.text.encode()
    sizes = {
        "bzip2": len(bz2.compress(whole, 9)) - len(bz2.compress(before, 9)),
        "xz": len(lzma.compress(whole, preset=9)) - len(lzma.compress(before, preset=9)),
    }
    characters = len(corpus.test)
    return {
        name: TextScore(
            characters=characters, cross_entropy=float(8 * size / characters * np.log(2))
        )
        for name, size in sizes.items()
    }
