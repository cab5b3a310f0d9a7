"""Tiny corpora and networks: enough text to learn something from in a second."""

from dataclasses import replace

import numpy as np
import pytest

from forecasting.language.corpus import Corpus
from forecasting.language.model import ModelSpec
from forecasting.language.recipe import Member, Reading
from forecasting.training.loop import TrainingSpec

WORDS = ("the", "time", "machine", "it", "has", "a", "light", "in", "every", "lamp")


def make_text(characters=6_000, seed=0):
    """Words of a small stock, in the order that a seed draws."""
    rng = np.random.default_rng(seed)
    drawn = rng.choice(len(WORDS), characters)
    return " ".join(WORDS[word] for word in drawn)[:characters]


@pytest.fixture
def corpus():
    return Corpus(name="words", text=make_text(), preparation="letters")


def make_member(cell="gru", width=16, **changes):
    member = Member(
        model=ModelSpec(cell=cell, widths=(width,)),
        reading=Reading(batch=8, steps=16),
        training=TrainingSpec(epochs=1, learning_rate=2e-2, seed=0),
        characters=20_000,
    )
    return replace(member, **changes)


@pytest.fixture
def member():
    return make_member()
