"""Number the characters of a training text; every other character is one unknown symbol."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.errors import ModelInvalid
from forecasting.stores.files import write_json

#: The file of a version that says which number is which character.
VOCABULARY = "vocabulary.json"

#: Unicode's replacement character stands for every character that has no number.
UNKNOWN = "\ufffd"

#: A character that training saw once is unknown, so that the unknown symbol is learnt too.
LEAST_SEEN = 2


@dataclass(frozen=True)
class Vocabulary:
    """Characters in the order of their numbers; number 0 is the unknown symbol.

    The rule: a character without a number is read, and scored, as the unknown symbol. It is
    never drawn when text is made.
    """

    symbols: tuple[str, ...]

    def __post_init__(self) -> None:
        single = all(isinstance(each, str) and len(each) == 1 for each in self.symbols)
        if not single or self.symbols[:1] != (UNKNOWN,) or len(self.symbols) < 2:
            raise ModelInvalid(
                "no vocabulary", expected="the unknown symbol, then characters", found="others"
            )
        if len(set(self.symbols)) != len(self.symbols):
            raise ModelInvalid("no vocabulary", expected="each character once", found="repeats")

    @classmethod
    def fit(cls, training: str) -> "Vocabulary":
        """Number the characters that stand in the training text at least twice.

        >>> Vocabulary.fit("abbac").symbols
        ('\ufffd', 'a', 'b')
        """
        seen = Counter(training)
        known = sorted(each for each, times in seen.items() if times >= LEAST_SEEN)
        return cls((UNKNOWN, *(each for each in known if each != UNKNOWN)))

    def __len__(self) -> int:
        return len(self.symbols)

    @property
    def sha256(self) -> str:
        """The digest by which weights and vocabulary know each other."""
        return hashlib.sha256("".join(self.symbols).encode("utf-8", "surrogatepass")).hexdigest()

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the number of every character: (characters,); 0 for an unknown one."""
        numbers = {symbol: number for number, symbol in enumerate(self.symbols)}
        return np.fromiter((numbers.get(each, 0) for each in text), np.int64, len(text))

    def decode(self, numbers: NDArray[np.int64]) -> str:
        """Return the characters of numbers.

        Raises:
            ModelInvalid: a number that stands for no character.
        """
        if numbers.size and not (numbers.min() >= 0 and numbers.max() < len(self)):
            raise ModelInvalid("not a character's number", expected=f"0 to {len(self) - 1}")
        return "".join(self.symbols[number] for number in numbers.tolist())

    def write(self, folder: Path) -> None:
        """Write the vocabulary beside the graph that reads it."""
        write_json(folder / VOCABULARY, {"symbols": list(self.symbols)})


def read_vocabulary(folder: Path, sha256: str) -> Vocabulary:
    """Read the vocabulary of a version whose manifest has been verified.

    Raises:
        ModelInvalid: it cannot be read, or is not the one that the weights were trained with.
    """
    try:
        content: dict[str, Any] = json.loads((folder / VOCABULARY).read_bytes())
        vocabulary = Vocabulary(tuple(content["symbols"]))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelInvalid("the vocabulary cannot be read", expected=VOCABULARY) from error
    if vocabulary.sha256 != sha256:
        raise ModelInvalid(
            "vocabulary and weights do not belong together",
            expected=sha256,
            found=vocabulary.sha256,
        )
    return vocabulary
