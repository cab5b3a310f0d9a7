"""Run a published graph: score a text, or write one on; without torch, state in and state out."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from forecasting.errors import ModelInvalid, ModelOutputInvalid
from forecasting.language.preparation import Preparation
from forecasting.language.scoring import Losses, losses_of
from forecasting.language.vocabulary import Vocabulary
from forecasting.stores.graphs import open_graph, runtime_errors
from forecasting.stores.published import TextCard

if TYPE_CHECKING:
    import onnxruntime

#: The graph's names, the same in the registry's signature and in the API.
SYMBOLS, STATE, LOG_PROBABILITIES, NEXT_STATE = "symbols", "state", "log_probabilities", "after"

#: Where the graph itself says with which vocabulary it was trained.
VOCABULARY_SHA256 = "vocabulary_sha256"

#: Characters that one call reads where a text is long: the outputs stay small.
STRETCH = 256

#: A text with nothing before it is read as if this stood there, by its preparation.
OPENING: dict[Preparation, str] = {"letters": " ", "as-is": "\n"}

State = NDArray[np.float32]


class TextGraph:
    """A language model's graph on one thread of ONNX Runtime; safe to call from many threads.

    It reads `symbols` (batch, steps) int64 and `state` (batch, size) float32, and returns
    `log_probabilities` (batch, steps, symbols) in nats of what follows each, and the state
    `after` them. Nothing is kept between calls: the caller has the state.
    """

    def __init__(self, session: "onnxruntime.InferenceSession") -> None:
        self.session = session
        try:
            shapes = {node.name: node.shape for node in session.get_inputs()}
            outputs = {node.name: node.shape for node in session.get_outputs()}
            self.size, self.symbols = int(shapes[STATE][1]), int(outputs[LOG_PROBABILITIES][2])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ModelInvalid("no graph of a language model", expected=SYMBOLS) from error

    @classmethod
    def open(cls, path: Path) -> "TextGraph":
        """Open a graph whose bytes have been verified."""
        return cls(open_graph(path))

    @property
    def vocabulary_sha256(self) -> str:
        """The vocabulary that the graph says it was trained with; empty where it says nothing."""
        said: dict[str, str] = self.session.get_modelmeta().custom_metadata_map
        return said.get(VOCABULARY_SHA256, "")

    def check_fits(self, card: TextCard, vocabulary: Vocabulary) -> None:
        """Refuse a graph, a card and a vocabulary that do not belong together.

        Raises:
            ModelInvalid: their sizes differ, or the graph names another vocabulary.
        """
        found = (self.symbols, self.size, self.vocabulary_sha256)
        expected = (len(vocabulary), card.state, vocabulary.sha256)
        if found != expected or card.symbols != len(vocabulary):
            raise ModelInvalid(
                "graph, card and vocabulary do not belong together",
                expected=f"{expected[0]} symbols, a state of {expected[1]}, {expected[2][:12]}",
                found=f"{found[0]} symbols, a state of {found[1]}, {found[2][:12]}",
            )

    def start(self, batch: int = 1) -> State:
        """Return the state before anything was read: (batch, size) zeros."""
        return np.zeros((batch, self.size), np.float32)

    def __call__(
        self, symbols: NDArray[np.int64], state: State
    ) -> tuple[NDArray[np.float32], State]:
        """Read a stretch; returns log-probabilities (batch, steps, symbols) and the state.

        Raises:
            ModelOutputInvalid: the graph failed, or gave what is no probability.
        """
        try:
            logs, after = self.session.run(
                [LOG_PROBABILITIES, NEXT_STATE], {SYMBOLS: symbols, STATE: state}
            )
        except runtime_errors() as error:
            raise ModelOutputInvalid("the model's graph cannot be run on this text") from error
        # One NaN or infinity makes the sum not finite, and one in the state reaches the next
        # step's: one number is looked at, and not all of them.
        if not math.isfinite(logs.sum()):
            raise ModelOutputInvalid("the model's log-probabilities are not finite")
        return logs, after

    def losses(
        self, text: NDArray[np.int64], before: NDArray[np.int64], go_on: Callable[[], None]
    ) -> Losses:
        """Return the nats of every character of a text, its state carried through it.

        Args:
            text: (characters,).
            before: what is read first, at least one character.
            go_on: called before each stretch; raises where there is no time left.
        """
        whole, state, parts = np.concatenate([before, text]), self.start(), []
        for first in range(0, len(whole) - 1, STRETCH):
            go_on()
            read = whole[first : first + STRETCH + 1]
            logs, state = self(read[np.newaxis, :-1], state)
            parts.append(losses_of(logs[0], read[1:]))
        return np.concatenate(parts)[len(before) - 1 :] if len(text) else np.empty(0)

    def read(
        self, symbols: NDArray[np.int64], state: State, go_on: Callable[[], None]
    ) -> tuple[NDArray[np.float32], State]:
        """Read a prompt; returns the log-probabilities after it, (symbols,), and the state."""
        logs = np.empty((1, 1, self.symbols), np.float32)
        for first in range(0, len(symbols), STRETCH):
            go_on()
            logs, state = self(symbols[np.newaxis, first : first + STRETCH], state)
        return logs[0, -1], state

    def write(
        self, after: NDArray[np.float32], state: State, draw: Callable[[NDArray[np.float32]], int]
    ) -> Iterator[tuple[int, State]]:
        """Write on without end: yields a symbol and the state before it was read.

        Args:
            after: log-probabilities of the first symbol, (symbols,).
            state: the state that gave them.
            draw: takes log-probabilities, returns a symbol.
        """
        read = np.empty((1, 1), np.int64)
        while True:
            read[0, 0] = symbol = draw(after)
            yield symbol, state
            logs, state = self(read, state)
            after = logs[0, 0]


def unhurried() -> None:
    """Let a text take the time that it takes."""
