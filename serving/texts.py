"""Run a published language model: write a prompt on, or say how well it foretold a text."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from forecasting.errors import (
    GatecastError,
    ManifestMismatch,
    ModelInvalid,
    ModelOutputInvalid,
    NoChampion,
)
from forecasting.language.preparation import Preparation, prepare
from forecasting.language.reading import OPENING, TextGraph
from forecasting.language.sampling import SamplingSpec, sampler
from forecasting.language.scoring import Losses, score_of, spoken
from forecasting.language.selftest import selftest
from forecasting.language.vocabulary import Vocabulary, read_vocabulary
from forecasting.stores.graphs import open_graph, runtime_errors
from forecasting.stores.published import (
    GRAPH,
    Pointer,
    TextCard,
    read_text_card,
    verify_manifest,
)
from serving.live_models import LiveModels

#: Only these are language models.
PREFIX: Final = "language-"

#: Most characters of one piece of a text that is being written.
PIECE: Final = 32


class ModelUnknown(GatecastError):
    """No language model of that name is live."""

    code = "MODEL_UNKNOWN"


class TextTimeout(GatecastError):
    """The text was not done when its time was over."""

    code = "TEXT_TIMEOUT"


@dataclass(frozen=True)
class Deadline:
    """When a text's time is over, on a clock that only grows."""

    at: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Begin now."""
        return cls(time.monotonic() + seconds)

    def check(self) -> None:
        """Let go on while there is time.

        Raises:
            TextTimeout: there is none left.
        """
        if self.clock() >= self.at:
            raise TextTimeout("the text took too long", expected="a shorter text or prompt")


@dataclass(frozen=True)
class TextModel:
    """One published version, ready to read and write; safe to call from several threads."""

    pointer: Pointer
    card: TextCard
    vocabulary: Vocabulary
    graph: TextGraph

    @classmethod
    def load(cls, folder: Path, pointer: Pointer) -> "TextModel":
        """Load a version: verified first, then parsed, then tried.

        Raises:
            ManifestMismatch: a byte differs from the manifest, or the manifest from the pointer.
            ModelInvalid: card, vocabulary and graph do not belong together.
            ModelOutputInvalid: the graph failed its self-test.
        """
        verify_manifest(folder, pointer.manifest_sha256)
        card = _fitting_card(folder, pointer)
        vocabulary = read_vocabulary(folder, card.vocabulary_sha256)
        graph = _graph(folder / GRAPH)
        graph.check_fits(card, vocabulary)
        trial = selftest(graph, np.arange(7 * 16, dtype=np.int64) % len(vocabulary))
        if not trial.passed:
            raise ModelOutputInvalid("the graph failed its self-test", found=trial)
        return cls(pointer, card, vocabulary, graph)

    def read(self, text: str) -> str:
        """Return what the model reads of a text: its preparation decides."""
        return prepare(text, self._preparation)

    def write(
        self, prompt: str, length: int, sampling: SamplingSpec, deadline: Deadline
    ) -> Iterator[str]:
        """Write on from a prompt, in pieces of at most 32 characters.

        Args:
            prompt: as the model reads it.
            length: how many characters.
            sampling: how they are drawn.
            deadline: when it must be done.

        Raises:
            TextTimeout: there was no time left.
            ModelOutputInvalid: the graph failed.
        """
        symbols = self._encode(self._opening + prompt)
        after, state = self.graph.read(symbols, self.graph.start(), deadline.check)
        written = self.graph.write(after, state, sampler(sampling))
        for first in range(0, length, PIECE):
            deadline.check()
            piece = [next(written)[0] for _ in range(min(PIECE, length - first))]
            yield self.vocabulary.decode(np.array(piece, np.int64))

    def losses(self, text: str, deadline: Deadline) -> Losses:
        """Return the nats of every character of a text, (characters,), as the model reads it.

        Raises:
            TextTimeout: there was no time left.
            ModelOutputInvalid: the graph failed.
        """
        return self.graph.losses(self._encode(text), self._encode(self._opening), deadline.check)

    def unknown(self, text: str) -> int:
        """Count the characters that the model has no number for."""
        return int((self._encode(text) == 0).sum())

    @property
    def _preparation(self) -> Preparation:
        return "letters" if self.card.preparation == "letters" else "as-is"

    @property
    def _opening(self) -> str:
        return OPENING[self._preparation]

    def _encode(self, text: str) -> NDArray[np.int64]:
        return self.vocabulary.encode(text)


class TextChampions(LiveModels[TextModel]):
    """The live language model per corpus.

    Args:
        root: the home folder.
        clock: seconds that only grow.
        cache: a local folder with the last known good; None for none.
    """

    def __init__(
        self, root: Path, clock: Callable[[], float] = time.monotonic, cache: Path | None = None
    ) -> None:
        super().__init__(root, PREFIX, TextModel.load, clock, cache)

    def of(self, model: str) -> TextModel:
        """Return the live model.

        Raises:
            ModelUnknown: none of that name is live. There is no list of corpora beside the
                models, so a name without one is nobody's.
        """
        try:
            return super().of(model)
        except NoChampion:
            raise ModelUnknown("no such model is live here") from None


def text_model_name(name: str) -> str:
    """Return the registered name of a corpus, or of a model that is already named so.

    >>> text_model_name("time-machine"), text_model_name("language-time-machine")
    ('language-time-machine', 'language-time-machine')
    """
    return name if name.startswith(PREFIX) else f"{PREFIX}{name}"


def text_version(model: TextModel) -> dict[str, Any]:
    """Return what names the version in an answer."""
    return {
        "name": model.pointer.model,
        "version": model.pointer.version,
        "alias": model.pointer.alias,
        "run_id": model.pointer.run_id,
        "data_sha256": model.card.data_sha256,
        "test_bits_per_character": model.card.test_bits_per_character,
    }


def text_answer(model: TextModel, prompt: str, text: str) -> dict[str, Any]:
    """Return a text that was written on, and what was read of its prompt."""
    return {
        "model": text_version(model),
        "prompt": prompt,
        "unknown": model.unknown(prompt),
        "text": text,
    }


def score_answer(model: TextModel, text: str, losses: Losses, *, each: bool) -> dict[str, Any]:
    """Return how well a text was foretold; character by character where that is asked for.

    Args:
        model: who foretold it.
        text: as the model read it.
        losses: (characters,) nats.
        each: whether to tell every character's bits.
    """
    answer: dict[str, Any] = {
        "model": text_version(model),
        **score_of(losses).to_json(),
        "unknown": model.unknown(text),
    }
    if each:
        bits = (losses / np.log(2)).tolist()
        answer["per_character"] = [
            {"character": character, "bits": spoken(round(bit, 4))}
            for character, bit in zip(text, bits, strict=True)
        ]
    return answer


def _fitting_card(folder: Path, pointer: Pointer) -> TextCard:
    try:
        card = read_text_card(folder)
    except (FileNotFoundError, ValueError, TypeError, KeyError) as error:
        raise ModelInvalid("the version's card cannot be read") from error
    if card.model != pointer.model:
        raise ModelInvalid("another model's files", expected=pointer.model, found=card.model)
    return card


def _graph(path: Path) -> TextGraph:
    try:
        return TextGraph(open_graph(path))
    except FileNotFoundError as error:
        raise ManifestMismatch("the version has no graph", expected=GRAPH) from error
    except runtime_errors() as error:
        raise ModelInvalid("the graph cannot be loaded") from error
