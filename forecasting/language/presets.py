"""The presets of `gatecast language train`: the lecture's own, a quick one, and the best."""

from forecasting.errors import ModelInvalid
from forecasting.language.model import ModelSpec
from forecasting.language.recipe import COMPARED, Member, Reading, Recipe
from forecasting.recurrent import Cell
from forecasting.training.loop import TrainingSpec

#: The rate at which each cell of the contest learns best, of those tried on the validation text
#: (docs/measurements.md); trained at one rate, one of them would lose by the choice of it.
CONTEST_RATES: dict[Cell, float] = {"rnn": 6e-3, "lstm": 2e-2, "gru": 1e-2}


def contestant(cell: Cell, characters: int) -> Member:
    """Return a cell's network in the contest: small, one-hot, as wide as its size allows."""
    return Member(
        model=ModelSpec(
            cell=cell, widths=(1,), dropout=0.1, forget_bias=1.0 if cell == "lstm" else 0.0
        ),
        reading=Reading(batch=8, steps=32),
        training=TrainingSpec(
            epochs=1,
            learning_rate=CONTEST_RATES[cell],
            seed=0,
            schedule="cosine",
            warmup=0.1,
            weight_decay=0.01,
        ),
        characters=characters,
    )


def contest(characters: int) -> dict[Cell, Member]:
    """Return every cell's network, all reading so many characters."""
    return {cell: contestant(cell, characters) for cell in COMPARED}


def lecture(cell: Cell, learning_rate: float) -> Member:
    """Return the lecture's network: 32 units, one-hot, plain gradient descent, clipped at 1.

    Its text is read in 1,024 streams of 32 steps, about a thousand updates in all.

    Source: Zhang et al., Dive into Deep Learning, sections 9.5, 9.6, 10.1 and 10.2.
    """
    return Member(
        model=ModelSpec(cell=cell, widths=(32,)),
        reading=Reading(batch=1024, steps=32),
        training=TrainingSpec(
            epochs=1,
            learning_rate=learning_rate,
            seed=0,
            optimiser="sgd",
            clip_norm=1.0,
            keep="last",
        ),
        characters=30_000_000,
    )


def regularised(width: int, characters: int) -> Member:
    """Return a wide LSTM, held back by every kind of dropout: the text is far too short for it."""
    return Member(
        model=ModelSpec(
            cell="lstm",
            widths=(width,),
            embedding=64,
            dropout=0.5,
            input_dropout=0.1,
            weight_dropout=0.4,
        ),
        reading=Reading(batch=16, steps=64),
        training=TrainingSpec(
            epochs=1,
            learning_rate=2e-3,
            seed=0,
            weight_decay=0.05,
            schedule="cosine",
            warmup=0.1,
        ),
        characters=characters,
    )


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="default",
            member=regularised(384, 5_600_000),
            members=2,
            mixed=True,
            compared=contest(2_400_000),
        ),
        Recipe(
            name="quick",
            member=regularised(256, 2_400_000),
            members=2,
            mixed=True,
            compared=contest(1_200_000),
        ),
        Recipe(name="lecture-rnn", member=lecture("rnn", 1.0), compared=contest(2_400_000)),
        Recipe(name="lecture-lstm", member=lecture("lstm", 4.0), compared=contest(2_400_000)),
        Recipe(name="lecture-gru", member=lecture("gru", 4.0), compared=contest(2_400_000)),
    )
}


def recipe_of(preset: str) -> Recipe:
    """Find a preset.

    Raises:
        ModelInvalid: there is none of that name.
    """
    if preset not in RECIPES:
        raise ModelInvalid("no such preset", expected=", ".join(RECIPES), found=preset)
    return RECIPES[preset]
