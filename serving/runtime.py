"""Run a published version with ONNX Runtime: verified first, then parsed, then tried."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from forecasting.errors import ManifestMismatch, ModelInvalid, ModelOutputInvalid
from forecasting.stores.graphs import open_graph, runtime_errors
from forecasting.stores.published import GRAPH, ModelCard, Pointer, read_card, verify_manifest
from serving.history import History
from serving.trying import UNTRIED, Pace, pace_of

if TYPE_CHECKING:
    import onnxruntime

#: Batches differ by up to 4e-6 °C (facts.md); a larger fall between two levels is no rounding.
ORDER_TOLERANCE: Final = 1e-4


class Seen:
    """The lowest and the highest value that a version has forecast since it was loaded."""

    def __init__(self) -> None:
        self.lowest, self.highest = math.inf, -math.inf

    @property
    def any(self) -> bool:
        """Whether it has forecast at all."""
        return self.lowest <= self.highest

    def note(self, lowest: float, highest: float) -> None:
        """Take the ends of some forecasts in."""
        self.lowest = min(self.lowest, lowest)
        self.highest = max(self.highest, highest)


@dataclass(frozen=True)
class Forecaster:
    """One published version, ready to forecast; safe to call from several threads.

    `pace` says how its graph may be run.
    """

    pointer: Pointer
    card: ModelCard
    session: "onnxruntime.InferenceSession"
    pace: Pace = UNTRIED
    seen: Seen = field(default_factory=Seen, compare=False)

    @classmethod
    def load(cls, folder: Path, pointer: Pointer) -> "Forecaster":
        """Load a version, so that whatever is returned has forecast once already.

        Args:
            folder: the version's files.
            pointer: what the folder must hold.

        Raises:
            ManifestMismatch: a byte differs from the manifest, or the manifest from the pointer.
            ModelInvalid: the graph does not parse, or does not fit its card.
            ModelOutputInvalid: the trial forecast is not finite or not in order.
        """
        verify_manifest(folder, pointer.manifest_sha256)
        forecaster = cls(pointer, _fitting_card(folder, pointer), _session(folder / GRAPH))
        forecaster._check_signature()
        forecaster._try_out()
        pace = pace_of(forecaster.session, forecaster.card)
        # What the trial has said is no forecast of anything.
        return replace(forecaster, pace=pace, seen=Seen())

    def quantiles(self, history: NDArray[np.float32], origin: int) -> NDArray[np.float64]:
        """Forecast the steps after the origin.

        Args:
            history: (history, variables) in internal units, NaN for gaps.
            origin: label of the last history step, seconds since 1970-01-01T00:00 on the
                station's calendar.

        Returns:
            (horizon, levels) in the target's unit, ascending along the last axis.

        Raises:
            ModelOutputInvalid: the graph fails, or its output is not finite or not in order.
        """
        quantiles: NDArray[np.float64] = self._run(
            history[np.newaxis], np.array([origin], np.int64)
        ).squeeze(0)
        return quantiles

    def many(self, histories: Sequence[History]) -> NDArray[np.float64]:
        """Forecast after several histories: (histories, horizon, levels).

        Each is the same to the last bit whoever else asks: as many as a graph was found to
        answer so (`Pace.together`) are run at once, else one after the other.

        Raises:
            ModelOutputInvalid: as `quantiles`; one bad history refuses all.
        """
        said = [
            self._run(
                _stacked([each.values for each in some]),
                np.array([each.origin for each in some], np.int64),
            )
            for some in _parts(histories, self.pace.together)
        ]
        return said[0] if len(said) == 1 else np.concatenate(said)

    def _run(self, history: NDArray[np.float32], origin: NDArray[np.int64]) -> NDArray[np.float64]:
        """Run (batch, history, variables) and (batch,) into checked (batch, horizon, levels)."""
        try:
            (output,) = self.session.run(["quantiles"], {"history": history, "origin": origin})
        except runtime_errors() as error:
            raise ModelOutputInvalid("the model's graph cannot be run on this history") from error
        expected = (len(history), self.card.horizon, len(self.card.levels))
        if output.shape != expected:
            raise ModelOutputInvalid(
                "the forecast has another shape", expected=expected, found=output.shape
            )
        return self._checked(output.astype(np.float64))

    def _checked(self, output: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return quantiles in order along the last axis, and note how far they reach.

        Each call of numpy after a graph finds the processor's caches full of the graph: what is
        asked here is asked of as few numbers as may be.
        """
        # A NaN among them is what both of these are.
        lowest = float(np.minimum.reduce(output, axis=None))
        highest = float(np.maximum.reduce(output, axis=None))
        if not (math.isfinite(lowest) and math.isfinite(highest)):
            raise ModelOutputInvalid("the forecast is not finite")
        rises = output[..., 1:] - output[..., :-1]
        # Where there is one level, nothing rises.
        least = float(np.minimum.reduce(rises, axis=None, initial=np.inf))
        if least < -ORDER_TOLERANCE:
            raise ModelOutputInvalid("the forecast's quantiles are not in order")
        self.seen.note(lowest, highest)
        return output if least >= 0 else np.maximum.accumulate(output, axis=-1)

    def _check_signature(self) -> None:
        card = self.card
        inputs = {node.name: (node.type, node.shape) for node in self.session.get_inputs()}
        outputs = {node.name: (node.type, node.shape) for node in self.session.get_outputs()}
        _check_nodes(
            inputs,
            {
                "history": ("tensor(float)", (None, card.history, len(card.variables))),
                "origin": ("tensor(int64)", (None,)),
            },
        )
        _check_nodes(
            outputs, {"quantiles": ("tensor(float)", (None, card.horizon, len(card.levels)))}
        )

    def _try_out(self) -> None:
        """Forecast two histories at once, one whole and one with gaps, before anybody asks."""
        history = np.zeros((2, self.card.history, len(self.card.variables)), np.float32)
        history[1, 1::2] = np.nan
        self._run(history, np.zeros(2, np.int64))


def _stacked(histories: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    return histories[0][np.newaxis] if len(histories) == 1 else np.stack(histories)


def _parts(histories: Sequence[History], size: int) -> Iterator[Sequence[History]]:
    for first in range(0, len(histories), size):
        yield histories[first : first + size]


def _session(graph: Path) -> "onnxruntime.InferenceSession":
    try:
        return open_graph(graph)
    except FileNotFoundError as error:
        raise ManifestMismatch("the version has no graph", expected=GRAPH) from error
    except runtime_errors() as error:
        raise ModelInvalid("the graph cannot be loaded") from error


def _fitting_card(folder: Path, pointer: Pointer) -> ModelCard:
    try:
        card = read_card(folder)
    except (FileNotFoundError, ValueError, TypeError, KeyError) as error:
        raise ModelInvalid("the version's card cannot be read") from error
    if card.model != pointer.model:
        raise ModelInvalid("another model's files", expected=pointer.model, found=card.model)
    levels = card.levels
    ascending = list(levels) == sorted(set(levels)) and all(0 < level < 1 for level in levels)
    if not ascending or 0.5 not in levels:
        raise ModelInvalid("levels must ascend within (0, 1) and hold 0.5", found=levels)
    return card


def _check_nodes(
    found: dict[str, tuple[str, list[int | str | None]]],
    expected: dict[str, tuple[str, tuple[int | None, ...]]],
) -> None:
    """Compare names, types and fixed sizes; the trial forecast proves the sizes left open."""
    if found.keys() != expected.keys():
        raise ModelInvalid(
            "the graph's names differ from its card", expected=sorted(expected), found=sorted(found)
        )
    for name, (kind, shape) in expected.items():
        found_kind, found_shape = found[name]
        fits = len(found_shape) == len(shape) and all(
            not isinstance(size, int) or size == wanted
            for size, wanted in zip(found_shape, shape, strict=True)
        )
        if found_kind != kind or not fits:
            raise ModelInvalid(
                f"{name} does not fit the card",
                expected=f"{kind} {shape}",
                found=f"{found_kind} {found_shape}",
            )
