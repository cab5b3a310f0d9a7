"""Say how a corpus' model is made: the presets, and what their members and cells are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from forecasting.language.model import ModelSpec, width_of_size
from forecasting.recurrent import Cell
from forecasting.training.loop import TrainingSpec

#: The shipped seed: what `language train` uses when none is given.
SEED = 1

#: Cells that every run compares at equal parameters.
COMPARED: tuple[Cell, ...] = ("rnn", "lstm", "gru")

#: Fewest and most epochs that a budget of characters becomes.
EPOCHS = (2, 400)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a training text is read: so many streams, so many characters before each update.

    `random_offset` begins each epoch at another character, so that stretches differ.
    """

    batch: int
    steps: int
    random_offset: bool = True


@dataclass(frozen=True, kw_only=True)
class Member:
    """One network of a recipe: its shape, its reading, its training.

    `characters` is how many the training reads in all, over its epochs: a budget of time that
    is the same for a short text and a long one.
    """

    model: ModelSpec
    reading: Reading
    training: TrainingSpec
    characters: int

    def trained_on(self, length: int, seed: int) -> TrainingSpec:
        """Return the training of a text of so many characters."""
        least, most = EPOCHS
        epochs = min(max(round(self.characters / length), least), most)
        return replace(self.training, epochs=epochs, seed=seed)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A preset. Its members are averaged, and `mixed` with an n-gram where that is so.

    `compared` are the networks of the cells' contest, and `contest` is how many parameters each
    of those has: their widths follow from it.
    """

    name: str
    member: Member
    members: int = 1
    mixed: bool = False
    contest: int = 40_000
    compared: Mapping[Cell, Member]

    def seeds(self, seed: int) -> range:
        """Return the members' seeds for a run's seed; runs with other seeds share none."""
        return range(100 * seed, 100 * seed + self.members)

    def contestant(self, cell: Cell, symbols: int) -> Member:
        """Return the network of the contest for a cell."""
        member = self.compared[cell]
        width = width_of_size(cell, self.contest, symbols)
        return replace(member, model=replace(member.model, widths=(width,)))
