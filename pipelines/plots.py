"""Draw what a reviewer looks at first: loss, predictions beside actuals, skill, residuals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from forecasting.climate.backtest import Scores
from forecasting.climate.windows import Windows

INK, WARM, COOL, SOFT = "#1f2933", "#c2410c", "#0e7490", "#cbd5e1"


def _panel(title: str, across: str, up: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, color=INK)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def plot_loss(histories: Mapping[str, Any]) -> Figure:
    """Draw training loss and early-stopping error by epoch, a line a member."""
    figure, axes = _panel("Training", "epoch", "loss, and error on the early-stop stretch")
    for position, fit in enumerate(histories.values()):
        epochs = [epoch["epoch"] for epoch in fit["history"]]
        first = position == 0
        loss = [epoch["loss"] for epoch in fit["history"]]
        score = [epoch["score"] for epoch in fit["history"]]
        axes.plot(epochs, loss, color=SOFT, label="loss" if first else None)
        axes.plot(epochs, score, color=WARM, alpha=0.6, label="early-stop MAE" if first else None)
        axes.plot(fit["best_epoch"], fit["best_score"], "o", color=WARM, markersize=4)
    axes.legend(frameon=False)
    return figure


def plot_predictions(
    windows: Windows, quantiles: NDArray[np.floating], levels: Sequence[float], unit: str
) -> Figure:
    """Draw lead 1 over the gate block: median, 80 % interval, and what was observed."""
    figure, axes = _panel("Lead 1 on the gate block", "date", unit)
    labels = windows.origin_seconds(np.arange(len(windows))) + windows.step_seconds
    dates = labels.astype("datetime64[s]")
    low, middle, high = (quantiles[:, 0, list(levels).index(level)] for level in (0.1, 0.5, 0.9))
    axes.fill_between(dates, low, high, color=COOL, alpha=0.25, linewidth=0, label="80 % interval")
    axes.plot(dates, middle, color=COOL, label="median")
    axes.plot(dates, windows.target[:, 0], ".", color=WARM, markersize=3, label="observed")
    axes.legend(frameon=False, ncols=3)
    return figure


def plot_skill(candidate: Scores, rivals: Mapping[str, Scores]) -> Figure:
    """Draw the skill against each simple rival by lead."""
    figure, axes = _panel("Skill by lead: 1 - MAE / rival's MAE", "lead", "skill")
    leads = np.arange(1, len(candidate.mae_by_lead) + 1)
    for name, rival in rivals.items():
        skill = 1 - np.array(candidate.mae_by_lead) / np.array(rival.mae_by_lead)
        axes.plot(leads, skill, marker="o", label=name.replace("_", " "))
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.legend(frameon=False)
    return figure


def plot_residuals(windows: Windows, median: NDArray[np.floating], unit: str) -> Figure:
    """Draw the distribution of observed minus median at the first and the last lead."""
    figure, axes = _panel("Residuals on the gate block", f"observed - median, {unit}", "origins")
    residuals = windows.target - median
    for lead, colour in ((0, COOL), (residuals.shape[1] - 1, WARM)):
        known = residuals[:, lead][np.isfinite(residuals[:, lead])]
        axes.hist(known, bins=30, color=colour, alpha=0.5, label=f"lead {lead + 1}")
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.legend(frameon=False)
    return figure


def plot_lecture(
    seconds: NDArray[np.int64], predicted: NDArray[np.floating], actual: NDArray[np.floating]
) -> Figure:
    """Draw the lecture's test quarter: predicted one day ahead beside what was observed."""
    figure, axes = _panel("One day ahead on the test quarter", "date", "target")
    dates = seconds.astype("datetime64[s]")
    axes.plot(dates, actual, color=SOFT, label="observed")
    axes.plot(dates, predicted, color=COOL, linewidth=1, label="predicted")
    axes.legend(frameon=False)
    return figure
