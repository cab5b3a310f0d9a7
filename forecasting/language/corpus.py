"""Cut a prepared text by position, and into streams whose state carries over."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from forecasting.errors import CorpusTooShort
from forecasting.language.preparation import Preparation
from forecasting.language.vocabulary import Vocabulary

#: Shares of the text by position: training, validation, and the rest for the test.
TRAIN_SHARE, VALIDATION_SHARE = 0.8, 0.1

#: Fewest characters of a text: with fewer, a tenth of it says nothing.
LEAST_CHARACTERS = 2_000


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A prepared text in three parts that do not overlap; the vocabulary knows the first only."""

    name: str
    text: str
    preparation: Preparation

    def __post_init__(self) -> None:
        if len(self.text) < LEAST_CHARACTERS:
            raise CorpusTooShort(
                f"{self.name} is too short",
                expected=f"at least {LEAST_CHARACTERS} characters",
                found=len(self.text),
            )

    @property
    def borders(self) -> tuple[int, int]:
        """Where validation and test begin, in characters."""
        whole = len(self.text)
        train = int(whole * TRAIN_SHARE)
        return train, train + int(whole * VALIDATION_SHARE)

    @property
    def train(self) -> str:
        """The first eight tenths."""
        return self.text[: self.borders[0]]

    @property
    def validation(self) -> str:
        """The ninth tenth: chooses epochs, weights and rivals."""
        return self.text[self.borders[0] : self.borders[1]]

    @property
    def test(self) -> str:
        """The last tenth: judges, and chooses nothing."""
        return self.text[self.borders[1] :]

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The characters of the training text."""
        return Vocabulary.fit(self.train)

    @property
    def sha256(self) -> str:
        """The digest of the prepared text: the data version."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def streams(
    numbers: Tensor, batch: int, steps: int, offset: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Cut a text into parallel streams, and yield them stretch by stretch.

    Row b of a stretch goes on where row b of the one before ended, so that its state may be
    carried over. A stretch's targets are its inputs one character on.

    Args:
        numbers: (characters,) int64.
        batch: how many streams.
        steps: characters of a stretch; the last one may be shorter.
        offset: characters left out at the beginning.

    Yields:
        inputs and targets, (batch, at most steps) each.

    Raises:
        CorpusTooShort: not even one step for each stream.
    """
    length = (len(numbers) - offset - 1) // batch
    if length < 1:
        raise CorpusTooShort(
            "too few characters for the streams",
            expected=f"at least {batch + offset + 1}",
            found=len(numbers),
        )
    inputs = numbers[offset : offset + batch * length].view(batch, length)
    targets = numbers[offset + 1 : offset + 1 + batch * length].view(batch, length)
    for first in range(0, length, steps):
        yield inputs[:, first : first + steps], targets[:, first : first + steps]
