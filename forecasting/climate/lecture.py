"""The lecture's own model: two LSTM layers and three dense ones, one lead, target only.

Kept as it was taught, beside the forecaster that is served, so that both can be measured.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor, nn

from forecasting.climate.series import ClimateSeries
from forecasting.errors import SeriesTooShort
from forecasting.recurrent import CoreSpec, RecurrentCore, trainable
from forecasting.training.loop import Epoch, Fit, TrainingSpec, train

HISTORY = 60
BATCH = 32

#: The share of the rows before the test quarter.
TRAIN_SHARE = 0.75

#: Said wherever the lecture's split is reported.
LEAK = (
    "This leaks: scaler and training have seen the rows of the test quarter, "
    "so its errors say nothing about rows to come."
)

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class LectureData:
    """Scaled windows: inputs (windows, 60, 1), targets (windows, 1), for training and test.

    `low` and `high` are the target's extremes on the rows that the scaler saw; `dates` are
    the labels of the test targets in seconds; `actual` their values in the target's unit.
    """

    train_inputs: Floats
    train_targets: Floats
    test_inputs: Floats
    test_targets: Floats
    low: float
    high: float
    dates: NDArray[np.int64]
    actual: Floats

    @property
    def unit_range(self) -> float:
        """What one scaled unit is worth, in the target's unit."""
        return _range(self.low, self.high)

    @property
    def shapes(self) -> tuple[list[list[int]], list[list[int]]]:
        """The shapes of the training and of the test arrays."""
        return (
            [list(self.train_inputs.shape), list(self.train_targets.shape)],
            [list(self.test_inputs.shape), list(self.test_targets.shape)],
        )


def prepare(series: ClimateSeries, *, as_lectured: bool = False) -> LectureData:
    """Scale the target to [0, 1] and cut it into windows of 60.

    Args:
        series: the station's series; windows that hold a gap are left out.
        as_lectured: let scaler and training see all rows, the test quarter's too.

    Raises:
        SeriesTooShort: a part has no whole window.
    """
    values = series.values[:, series.target_column]
    split = int(TRAIN_SHARE * len(values))
    seen = values if as_lectured else values[:split]
    if split <= HISTORY or len(values) <= split:
        raise SeriesTooShort(
            "too few steps for the lecture's split",
            expected=f"at least {math.ceil((HISTORY + 1) / TRAIN_SHARE)} steps",
            found=len(values),
        )
    low, high = _extremes(seen)
    scaled = (values - low) / _range(low, high)
    train_inputs, train_targets, _ = _windows(scaled[: len(seen)], first=HISTORY)
    test_inputs, test_targets, rows = _windows(scaled, first=split)
    return LectureData(
        train_inputs=train_inputs,
        train_targets=train_targets,
        test_inputs=test_inputs,
        test_targets=test_targets,
        low=low,
        high=high,
        dates=series.seconds[rows],
        actual=values[rows],
    )


def _extremes(seen: Floats) -> tuple[float, float]:
    """Return the least and the largest known value; (0, 0) where nothing is known."""
    known = seen[np.isfinite(seen)]
    return (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)


def _range(low: float, high: float) -> float:
    """Return the distance of the extremes; a constant column must not divide by zero."""
    return max(high - low, 1e-6)


def _windows(scaled: Floats, first: int) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Return inputs, targets and target rows from a first target row on, gaps left out."""
    histories = sliding_window_view(scaled, HISTORY)[first - HISTORY : -1]
    rows = np.arange(first, len(scaled))
    whole = np.isfinite(histories).all(axis=1) & np.isfinite(scaled[rows])
    if not whole.any():
        raise SeriesTooShort(
            "no window without a gap", expected=f"{HISTORY + 1} steps in a row", found="none"
        )
    return histories[whole][:, :, None], scaled[rows[whole]][:, None], rows[whole]


class LectureModel(nn.Module):
    """LSTM 50, LSTM 64, dense 32, 16 and 1 without activations: (batch, 60, 1) to (batch, 1)."""

    def __init__(self) -> None:
        super().__init__()
        spec = CoreSpec(cell="lstm", inputs=1, widths=(50, 64), one_bias=True)
        self.core = RecurrentCore(spec)
        self.dense = nn.Sequential(nn.Linear(64, 32), nn.Linear(32, 16), nn.Linear(16, 1))
        for layer in self.core.layers:
            _keras_start(cast("nn.LSTM", layer))
        for dense in self.dense:
            nn.init.xavier_uniform_(cast("nn.Linear", dense).weight)
            nn.init.zeros_(cast("nn.Linear", dense).bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the next scaled value: (batch, 1)."""
        outputs, _ = self.core(inputs)
        result: Tensor = self.dense(outputs[:, -1])
        return result


def _keras_start(layer: nn.LSTM) -> None:
    """Start a layer as Keras does: Glorot, orthogonal, forget gate open.

    Source: Keras' documentation of its LSTM layer; Jozefowicz et al. (2015) for the bias.
    """
    width = layer.hidden_size
    recurrent, bias = cast("Tensor", layer.weight_hh_l0), cast("Tensor", layer.bias_ih_l0)
    for gate in range(4):
        nn.init.orthogonal_(recurrent.data[gate * width : (gate + 1) * width])
    nn.init.xavier_uniform_(cast("Tensor", layer.weight_ih_l0))
    nn.init.zeros_(bias)
    bias.data[width : 2 * width] = 1.0


class LectureTask:
    """The lecture's training: mean squared error of one lead, error reported in the unit."""

    def __init__(self, model: LectureModel, data: LectureData) -> None:
        self._model = model
        self.inputs = torch.from_numpy(np.ascontiguousarray(data.train_inputs))
        self.targets = torch.from_numpy(np.ascontiguousarray(data.train_targets))
        self.unit_range = data.unit_range

    @property
    def model(self) -> nn.Module:
        """The lecture's weights."""
        return self._model

    def batches(self, generator: torch.Generator) -> Iterable[Tensor]:
        """Yield the windows' positions in random order."""
        order = torch.randperm(len(self.inputs), generator=generator)
        for first in range(0, len(order), BATCH):
            yield order[first : first + BATCH]

    def loss(self, batch: object, carry: object) -> tuple[Tensor, object]:
        """Return the mean squared error of a batch, scaled."""
        positions = cast("Tensor", batch)
        predicted = self._model(self.inputs[positions])
        return nn.functional.mse_loss(predicted, self.targets[positions]), carry

    def score(self) -> float:
        """Return the mean absolute error on the training windows, in the target's unit."""
        error = (self._model(self.inputs) - self.targets).abs().mean()
        return float(error) * self.unit_range


def fit_lecture(
    data: LectureData,
    seed: int,
    epochs: int = 100,
    checkpoints: Path | None = None,
    watch: Callable[[Epoch], None] | None = None,
) -> tuple[LectureModel, Fit]:
    """Train the lecture's model with Adam; the last epoch's weights count, as in the lecture."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LectureModel()
    spec = TrainingSpec(
        epochs=epochs,
        learning_rate=1e-3,
        seed=seed,
        optimiser="adam",
        clip_norm=math.inf,
        keep="last",
    )
    fit = train(LectureTask(model, data), spec, checkpoints=checkpoints, watch=watch)
    return model.eval(), fit


class LectureForecaster(nn.Module):
    """The lecture's model in physical units, as a version of the registry takes and gives them.

    history (batch, 60, 1) in the target's unit and origin (batch,) to (batch, 1, 1): one lead,
    the median only. The model reads no calendar; the origin is there for the common signature.
    """

    def __init__(self, model: LectureModel, data: LectureData) -> None:
        super().__init__()
        self.model = model
        self.low, self.range = data.low, data.unit_range

    def forward(self, history: Tensor, origin: Tensor) -> Tensor:
        """Return the next value in the target's unit: (batch, 1, 1)."""
        scaled = cast("Tensor", self.model((history - self.low) / self.range))
        unread = (origin * 0).to(scaled.dtype).view(-1, 1)
        return (scaled * self.range + self.low + unread).unsqueeze(-1)


def predict_test(model: LectureModel, data: LectureData) -> Floats:
    """Return the predictions of the test quarter in the target's unit: (windows,)."""
    with torch.no_grad():
        scaled = model(torch.from_numpy(np.ascontiguousarray(data.test_inputs)))
    predicted: Floats = scaled.squeeze(1).numpy() * data.unit_range + data.low
    return predicted


def layer_table(model: LectureModel) -> list[tuple[str, str, int]]:
    """Return name, output shape and trainable parameters of each layer, for printing."""
    rows = []
    for position, layer in enumerate(model.core.layers):
        width = model.core.spec.widths[position]
        shape = f"(batch, {HISTORY}, {width})" if position == 0 else f"(batch, {width})"
        rows.append((f"LSTM {width}", shape, trainable(layer)))
    for layer in model.dense:
        width = cast("nn.Linear", layer).out_features
        rows.append((f"dense {width}", f"(batch, {width})", trainable(layer)))
    return rows
