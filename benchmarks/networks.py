"""Train the lecture's first networks as rivals: feed-forward on a day, on the window, and Elman."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from forecasting.climate import calendar
from forecasting.climate.baselines import fit_baselines, last_known
from forecasting.climate.rolling import Fit, Forecaster
from forecasting.climate.scaling import Scaler, fit_scaler
from forecasting.climate.series import ClimateSeries
from forecasting.climate.windows import Windows, WindowSpec, cut
from forecasting.recurrent import CoreSpec, RecurrentCore
from forecasting.training.loop import TrainingSpec, train

WIDTH = 64
BATCH = 32

#: The share of the train rows on whose end a network stops early.
STOP_SHARE = 0.1

TRAINING = TrainingSpec(epochs=100, learning_rate=1e-3, seed=0, optimiser="adam", patience=15)


@dataclass(frozen=True, kw_only=True)
class View:
    """How a network sees a station: scaled on the train rows, gaps at the mean, and a calendar.

    With `residual` it says how far the target goes from its last known value, in spreads of the
    lead; without, where the target stands, in its deviations from the mean.
    """

    scaler: Scaler
    column: int
    step_seconds: int
    residual: bool

    def inputs(self, windows: Windows) -> NDArray[np.float32]:
        """Return (origins, history, 2 * variables + waves): values, masks, calendar."""
        known = windows.history_observed
        scaled = (windows.history - self.scaler.mean) / self.scaler.deviation
        origins = windows.origin_seconds(np.arange(len(windows)))
        back = np.arange(1 - windows.history.shape[1], 1) * self.step_seconds
        waves = calendar.design(origins[:, None] + back, self.step_seconds)
        parts = [np.where(known, scaled, 0.0), known, waves]
        return np.concatenate(parts, axis=-1, dtype=np.float32)

    def frame(self, windows: Windows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where a forecast starts, (origins, 1), and its unit, (horizon,)."""
        mean = np.full(len(windows), self.scaler.mean[self.column])
        if self.residual:
            return last_known(windows, self.column, mean)[:, None], self.scaler.spread
        leads = windows.target.shape[1]
        return mean[:, None], np.full(leads, self.scaler.deviation[self.column])


class Elman(nn.Module):
    """One recurrent layer without gates, and a linear head on its last output."""

    def __init__(self, features: int, horizon: int) -> None:
        super().__init__()
        self.core = RecurrentCore(CoreSpec(cell="rnn", inputs=features, widths=(WIDTH,)))
        self.head = nn.Linear(WIDTH, horizon)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (batch, history, features) to (batch, horizon)."""
        outputs, _ = self.core(inputs)
        return cast("Tensor", self.head(outputs[:, -1]))


class LastDay(nn.Module):
    """A feed-forward network that sees the last day only."""

    def __init__(self, features: int, horizon: int) -> None:
        super().__init__()
        self.layers = feed_forward(features, horizon)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (batch, history, features) to (batch, horizon)."""
        return cast("Tensor", self.layers(inputs[:, -1]))


def feed_forward(inputs: int, horizon: int) -> nn.Sequential:
    """Stack two hidden layers and a linear one."""
    return nn.Sequential(
        nn.Linear(inputs, WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, horizon),
    )


def whole_window(history: int, features: int, horizon: int) -> nn.Sequential:
    """A feed-forward network on the flattened window."""
    return nn.Sequential(nn.Flatten(), *feed_forward(history * features, horizon))


class NetworkTask:
    """Train a network on the mean absolute error, which is what all are judged by."""

    def __init__(self, model: nn.Module, view: View, parts: tuple[Windows, Windows]) -> None:
        self._model = model
        self.train, self.stop = (self._tensors(view, windows) for windows in parts)
        self.unit = view.scaler.deviation[view.column]

    @property
    def model(self) -> nn.Module:
        """The network's weights."""
        return self._model

    @staticmethod
    def _tensors(view: View, windows: Windows) -> tuple[Tensor, Tensor]:
        told = windows.target_observed.any(axis=1)  # a batch of gaps alone has no mean error
        start, unit = view.frame(windows)
        target = ((windows.target - start) / unit).astype(np.float32)
        return torch.from_numpy(view.inputs(windows)[told]), torch.from_numpy(target[told])

    def batches(self, generator: torch.Generator) -> Iterable[Tensor]:
        """Yield the windows' positions in random order."""
        yield from torch.randperm(len(self.train[0]), generator=generator).split(BATCH)

    def loss(self, batch: object, carry: object) -> tuple[Tensor, object]:
        """Return the mean absolute error of a batch over its known targets, scaled."""
        positions = cast("Tensor", batch)
        return self._error(self.train[0][positions], self.train[1][positions]), carry

    def score(self) -> float:
        """Return the error on the stretch of the early stop, scaled."""
        return float(self._error(*self.stop))

    def _error(self, inputs: Tensor, target: Tensor) -> Tensor:
        known = torch.isfinite(target)
        said = cast("Tensor", self._model(inputs))
        return (said - torch.where(known, target, 0.0))[known].abs().mean()


def fit_network(
    build: Callable[[int, int, int], nn.Module], window: WindowSpec, *, residual: bool
) -> Fit:
    """Say how a network is fitted on a station.

    Args:
        build: makes it from the history's steps, the features of one, and the horizon.
        window: the steps of both.
        residual: let it start from the last known value.
    """

    def fit(series: ClimateSeries, rows: int) -> Forecaster:
        view = View(
            scaler=fit_scaler(series, rows, window.horizon),
            column=series.target_column,
            step_seconds=int(series.step.total_seconds()),
            residual=residual,
        )
        border = round((1 - STOP_SHARE) * rows)
        parts = [
            cut(series, window, window.origins(*ends)) for ends in ((0, border), (border, rows))
        ]
        features = view.inputs(parts[1]).shape[-1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(TRAINING.seed)
            model = build(window.history, features, window.horizon)
        train(NetworkTask(model, view, (parts[0], parts[1])), TRAINING)
        return forecaster(model.eval(), view)

    return fit


def forecaster(model: nn.Module, view: View) -> Forecaster:
    """Let a trained network speak the target's unit."""

    def forecast(windows: Windows) -> NDArray[np.float64]:
        with torch.no_grad():
            said = model(torch.from_numpy(view.inputs(windows))).numpy()
        start, unit = view.frame(windows)
        moved: NDArray[np.float64] = said.astype(np.float64) * unit
        return start + moved

    return forecast


def networks(window: WindowSpec) -> dict[str, Fit]:
    """Return how each network is fitted, by the name that it has in the table."""
    return {
        "feed_forward_last_day": fit_network(
            lambda _, features, horizon: LastDay(features, horizon), window, residual=False
        ),
        "feed_forward_window": fit_network(whole_window, window, residual=False),
        "elman": fit_network(
            lambda _, features, horizon: Elman(features, horizon), window, residual=True
        ),
    }


def simple_rivals(window: WindowSpec, names: Iterable[str]) -> dict[str, Fit]:
    """Return how each simple rival of the product is fitted, by its name."""

    def fit_named(name: str) -> Fit:
        return lambda series, rows: fit_baselines(series, rows, window).rivals()[name]

    return {name: fit_named(name) for name in names}
