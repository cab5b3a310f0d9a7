"""Compare two trainings' files: tensor by tensor, and by what their graphs answer."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from forecasting.climate.export import GraphForecaster
from forecasting.language.reading import TextGraph
from forecasting.stores.published import GRAPH, WEIGHTS, ModelCard

#: Most that two graphs of the same weights may differ by, in the unit of their outputs.
TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Alikeness:
    """How two versions' files differ.

    `tensors` are counted in the first; `differing` names those that are missing, new, of another
    form or of other bytes; `largest` is the largest difference of a number in those that both
    have in one form. `outputs` is that of the graphs' answers; None where their forms differ.
    """

    tensors: int
    differing: tuple[str, ...]
    largest: float
    outputs: float | None
    same_file: bool

    @property
    def same(self) -> bool:
        """Whether every tensor has the same bytes and the graphs say the same."""
        return not self.differing and self.outputs is not None and self.outputs <= TOLERANCE

    @property
    def sentence(self) -> str:
        """The comparison in words and numbers."""
        said = "other forms" if self.outputs is None else f"at most {self.outputs:.2g}"
        graphs = f"the graphs' answers differ by {said}"
        if not self.differing:
            beside = "" if self.same_file else ", only the file's own metadata differ"
            return f"all {self.tensors} tensors have the same bytes{beside}; {graphs}"
        named = ", ".join(self.differing[:3]) + (", …" if len(self.differing) > 3 else "")
        return (
            f"{len(self.differing)} of {self.tensors} tensors differ ({named}), by at most "
            f"{self.largest:.2g}; {graphs}"
        )


def compare_climate(one: Path, other: Path, card: ModelCard) -> Alikeness:
    """Compare two folders' weights, and their graphs' quantiles of made-up histories."""
    rng = np.random.default_rng(0)
    shape = (7, card.history, len(card.variables))
    history = rng.normal(15.0, 3.0, shape).astype(np.float32)
    origin = np.arange(7, dtype=np.int64) * card.step_seconds
    answers = [GraphForecaster(each / GRAPH)(history, origin) for each in (one, other)]
    return _compare(one, other, answers[0], answers[1])


def compare_text(one: Path, other: Path) -> Alikeness:
    """Compare two folders' weights, and their graphs' log-probabilities of a made-up text."""
    answers = []
    for each in (one, other):
        graph = TextGraph.open(each / GRAPH)
        symbols = np.arange(32, dtype=np.int64).reshape(1, -1) % 2
        answers.append(graph(symbols, graph.start())[0])
    return _compare(one, other, answers[0], answers[1])


def _compare(
    one: Path, other: Path, answer: NDArray[np.float32], another: NDArray[np.float32]
) -> Alikeness:
    ours, theirs = load_file(one / WEIGHTS), load_file(other / WEIGHTS)
    differing = tuple(
        name for name in sorted(ours.keys() | theirs.keys()) if not _alike(ours, theirs, name)
    )
    return Alikeness(
        tensors=len(ours),
        differing=differing,
        largest=max((_distance(ours, theirs, name) for name in differing), default=0.0),
        outputs=float(np.abs(answer - another).max()) if answer.shape == another.shape else None,
        same_file=(one / WEIGHTS).read_bytes() == (other / WEIGHTS).read_bytes(),
    )


Tensors = dict[str, NDArray[np.generic]]


def _alike(ours: Tensors, theirs: Tensors, name: str) -> bool:
    if name not in ours or name not in theirs:
        return False
    one, other = ours[name], theirs[name]
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


def _distance(ours: Tensors, theirs: Tensors, name: str) -> float:
    """Return the largest difference of two tensors' numbers; 0 where they have no common form."""
    one, other = ours.get(name), theirs.get(name)
    if one is None or other is None or one.shape != other.shape or not one.size:
        return 0.0
    return float(np.nan_to_num(np.abs(one.astype(np.float64) - other.astype(np.float64))).max())
