"""A small corpus as a file, a preset that trains in a second, and a home with all its networks."""

from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from data_checks.text_admissions import save_text
from data_checks.texts import admit_text
from forecasting.language import presets
from forecasting.language.model import ModelSpec
from forecasting.language.recipe import Member, Reading, Recipe
from forecasting.language.rivals import measure_rivals
from forecasting.language.scoring import score_of
from forecasting.settings import Settings
from forecasting.training.loop import TrainingSpec
from pipelines.texts import judging, regating
from pipelines.texts.catalogue import find_corpus
from pipelines.texts.fitting import main
from pipelines.texts.workspace import TextPlan, open_text_workspace

DECLARED = """
name = "words"
title = "Words"
licence = "CC0-1.0"
source = { kind = "file", path = "words.txt" }
limits = { min_characters = 2000, min_letters = 10, max_repeats = 0.2 }
"""

STOCK = ("the", "time", "machine", "it", "has", "a", "light", "in", "every", "lamp", "and", "water")


def make_words(count=600, seed=0):
    drawn = np.random.default_rng(seed).integers(0, len(STOCK), count)
    return " ".join(STOCK[word] for word in drawn)


def tiny(cell, width):
    return Member(
        model=ModelSpec(cell=cell, widths=(width,)),
        reading=Reading(batch=8, steps=16),
        training=TrainingSpec(epochs=1, learning_rate=2e-2, seed=0),
        characters=8_000,
    )


TINY = Recipe(
    name="tiny",
    member=tiny("gru", 32),
    members=2,
    mixed=True,
    contest=800,
    compared={cell: replace(tiny(cell, 1), characters=5_000) for cell in ("rnn", "lstm", "gru")},
)


@pytest.fixture
def tiny_preset(monkeypatch):
    """A preset that trains in a second."""
    monkeypatch.setitem(presets.RECIPES, "tiny", TINY)


@pytest.fixture
def declared_words(tmp_path):
    """The file that declares the words, with their text beside it; returns the TOML's path."""
    (tmp_path / "words.txt").write_text(make_words())
    (tmp_path / "words.toml").write_text(DECLARED)
    return tmp_path / "words.toml"


@dataclass(frozen=True, kw_only=True)
class Written:
    """A home with an admitted text, and the folder of a plan on it."""

    settings: Settings
    plan: TextPlan
    folder: Path
    declared: Path

    def train(self):
        """Train every network of the plan, in this process."""
        for name in self.plan.networks:
            with redirect_stdout(StringIO()):
                assert main([str(self.settings.root), str(self.folder), name]) == 0


@pytest.fixture
def easy_rivals(monkeypatch):
    """Rivals that need two nats more than they do: a tiny network beats them in a second."""

    def handicapped(corpus):
        rivals = measure_rivals(corpus)
        losses = rivals.losses + 2.0
        scores = {**rivals.scores, rivals.best: score_of(losses)}
        return replace(rivals, losses=losses, scores=scores)

    for module in (judging, regating):
        monkeypatch.setattr(module, "measure_rivals", handicapped)


@pytest.fixture
def written(settings, declared_words, tiny_preset):  # noqa: ARG001 - its preset
    """A home with an admitted text and a plan; nothing is trained yet."""
    corpus = find_corpus(str(declared_words))
    content = (declared_words.parent / "words.txt").read_bytes()
    digest = save_text(settings.root, corpus, admit_text(corpus, content))
    plan = TextPlan(corpus="words", data_sha256=digest, preset="tiny", seed=1)
    return Written(
        settings=settings,
        plan=plan,
        folder=open_text_workspace(settings.root, plan),
        declared=declared_words,
    )
