"""Say in MLflow's words what a version's graph takes and returns, and give an example."""

from typing import Any

import numpy as np
from mlflow.models import ModelSignature
from mlflow.types.schema import ColSpec, Schema, TensorSpec
from numpy.typing import NDArray

from forecasting.stores.published import ModelCard, TextCard

Columns = list[ColSpec | TensorSpec]


def signature_of(card: ModelCard | TextCard) -> ModelSignature:
    """Return the inputs and outputs of a card's graph."""
    inputs: Columns
    outputs: Columns
    if isinstance(card, ModelCard):
        inputs = [
            _floats("history", -1, card.history, len(card.variables)),
            TensorSpec(np.dtype("int64"), (-1,), "origin"),
        ]
        outputs = [_floats("quantiles", -1, card.horizon, len(card.levels))]
    else:
        inputs = [
            TensorSpec(np.dtype("int64"), (-1, -1), "symbols"),
            _floats("state", -1, card.state),
        ]
        outputs = [
            _floats("log_probabilities", -1, -1, card.symbols),
            _floats("after", -1, card.state),
        ]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def _floats(name: str, *shape: int) -> TensorSpec:
    return TensorSpec(np.dtype("float32"), shape, name)


def example_of(card: ModelCard | TextCard) -> dict[str, NDArray[Any]]:
    """Return two inputs at once: one would freeze the batch axis of the example."""
    if isinstance(card, TextCard):
        symbols = np.arange(6, dtype=np.int64).reshape(2, 3) % card.symbols
        return {"symbols": symbols, "state": np.zeros((2, card.state), np.float32)}
    rng = np.random.default_rng(0)
    history = rng.normal(15.0, 3.0, (2, card.history, len(card.variables))).astype(np.float32)
    origin = np.array([1_480_000_000, 1_490_000_000], dtype=np.int64)
    return {"history": history, "origin": origin - origin % 86_400}
