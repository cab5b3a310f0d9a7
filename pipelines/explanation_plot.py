"""Draw an explanation as one figure: forecast, gates, parts, memory, and gradients by cell."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from forecasting.climate.attribution import Attribution, grouped, groups, shares
from forecasting.climate.explain import Explanation
from forecasting.climate.series import DAY
from pipelines.plots import COOL, INK, SOFT, WARM

Numbers = NDArray[np.float64]

#: Two colours more than the other figures need; none is told from another by red and green alone.
DEEP, GOLD = "#5b21b6", "#ca8a04"

#: Colours and dashes, so that the lines are told apart in grey as well.
GATES = {
    "forget": (COOL, "-"),
    "update": (COOL, "-"),
    "input": (WARM, "--"),
    "reset": (WARM, "--"),
    "output": (DEEP, ":"),
}
CELLS = {
    "rnn": ("Elman, tanh", WARM, ":"),
    "irnn": ("Elman, ReLU-identity", GOLD, "-."),
    "lstm": ("LSTM", COOL, "-"),
    "gru": ("GRU", DEEP, "--"),
}

#: Gradients below this share of the last step's are not drawn.
FLOOR = 1e-14

#: The heat map is straight up to this share of its largest part, and a logarithm from there on.
STRAIGHT = 0.02


def plot_explanation(explanation: Explanation) -> Figure:
    """Draw everything that is known of one forecast."""
    cells = list(explanation.gating.gates)
    courses = 2 + len(cells)
    figure = Figure(figsize=(11, 2.7 * courses + 7), layout="constrained")
    figure.suptitle(_title(explanation), color=INK, fontsize=13)
    halves: Any = figure.subfigures(2, 1, height_ratios=[2.7 * courses, 6.6])
    upper, lower = halves
    axes = upper.subplots(courses, 1, sharex=True)
    _plot_forecast(axes[0], explanation)
    for place, cell in enumerate(cells, start=1):
        _plot_gates(axes[place], explanation, cell)
    _plot_parts(axes[-1], explanation)
    below = lower.subplots(2, 2).ravel()
    for each, plot in zip(below, _PANELS, strict=True):
        plot(each, explanation)
    for each in (*axes[:-1], *below):
        each.spines[["top", "right"]].set_visible(False)
    return figure


def _title(explanation: Explanation) -> str:
    series = explanation.series
    when = explanation.labels[-1]
    return f"{series.station.name}, {series.target}: the forecast made on {when}, explained"


def _step(explanation: Explanation) -> str:
    """Name one step, as it stands on the axes."""
    return "day" if explanation.series.step == DAY else "step"


def _back(explanation: Explanation) -> NDArray[np.int64]:
    """Return the history's steps counted from the origin, which is 0: (steps,)."""
    return np.arange(1 - len(explanation.history), 1)


def _plot_forecast(axes: Any, explanation: Explanation) -> None:  # noqa: ANN401 - matplotlib's
    """Draw what was read of the target, and the median with its 80 % interval."""
    levels = list(explanation.levels)
    ahead = np.arange(1, len(explanation.quantiles) + 1)
    target = explanation.history[:, explanation.series.target_column]
    axes.plot(_back(explanation), target, color=INK, marker=".", linewidth=1, label="observed")
    if {0.1, 0.9} <= set(levels):
        low, high = (explanation.quantiles[:, levels.index(level)] for level in (0.1, 0.9))
        axes.fill_between(ahead, low, high, color=COOL, alpha=0.25, linewidth=0, label="80 %")
    median = explanation.quantiles[:, levels.index(0.5)]
    axes.plot(ahead, median, color=COOL, marker=".", label="forecast")
    axes.axvline(0, color=SOFT, linewidth=1, zorder=0)
    axes.set_title("What was read, and what was said")
    axes.set_ylabel(explanation.unit)
    axes.legend(frameon=False, ncols=3, loc="best")


def _plot_gates(axes: Any, explanation: Explanation, cell: str) -> None:  # noqa: ANN401
    """Draw the mean of each gate and the band that holds 80 % of all units."""
    for name, course in explanation.gating.gates[cell].items():
        colour, dashes = GATES[name]
        axes.fill_between(
            _back(explanation), course.low, course.high, color=colour, alpha=0.12, linewidth=0
        )
        axes.plot(_back(explanation), course.mean, dashes, color=colour, label=name)
    axes.set_ylim(0, 1)
    axes.set_title(f"Gates of the {cell.upper()}: mean and middle 80 % of all units (1 = open)")
    axes.set_ylabel("opening")
    axes.legend(frameon=False, ncols=3, loc="lower left")


def _plot_parts(axes: Any, explanation: Explanation) -> None:  # noqa: ANN401
    """Draw by how much each cell of the history raised or lowered the forecast."""
    parts = explanation.attribution.occlusion.T  # (variables, steps)
    largest = float(np.abs(parts).max()) or 1.0
    scale = SymLogNorm(largest * STRAIGHT, vmin=-largest, vmax=largest)
    back = _back(explanation)
    names = explanation.series.names
    mesh = axes.imshow(
        parts, cmap="PuOr_r", norm=scale, aspect="auto", interpolation="nearest",
        extent=(back[0] - 0.5, back[-1] + 0.5, len(names) - 0.5, -0.5),
    )  # fmt: skip
    axes.set_yticks(range(len(names)), names)
    axes.set_title("What each observation added to the forecast (occlusion, mean over leads)")
    axes.set_xlabel(f"{_step(explanation)}s from the origin")
    axes.set_xlim(back[0] - 1, len(explanation.quantiles) + 1)
    # Below and not beside: the axes keep the width of those above, and so their days.
    bar = axes.figure.colorbar(mesh, ax=axes, location="bottom", aspect=60, pad=0.02)
    ticks = np.array([-1, -0.1, 0, 0.1, 1]) * largest
    bar.set_ticks(ticks, labels=[f"{tick:+.2g}" if tick else "0" for tick in ticks])
    bar.ax.minorticks_off()
    bar.set_label(f"raised (+) or lowered (-) the median, {explanation.unit}")


def _plot_variables(axes: Any, explanation: Explanation) -> None:  # noqa: ANN401
    """Draw each variable's share by both methods."""
    names = [name.replace("_", "\n", 1) for name in explanation.series.names]
    found = explanation.attribution
    _plot_shares(axes, names, *(shares(each).sum(axis=0) for each in _methods(found)))
    axes.set_title(f"Share of each variable{_agreed(found, 'by_variable')}")


def _plot_days(axes: Any, explanation: Explanation) -> None:  # noqa: ANN401
    """Draw the share of each group of days by both methods."""
    spans = groups(len(explanation.history))
    names = [
        f"{span[0]} to {span[-1]}" if len(span) > 1 else f"last {_step(explanation)}"
        for span in spans
    ]
    found = explanation.attribution
    _plot_shares(axes, names, *(grouped(shares(each)).sum(axis=1) for each in _methods(found)))
    axes.set_title(f"Share of the {_step(explanation)}s back{_agreed(found, 'by_day_group')}")


def _agreed(found: Attribution, group: str) -> str:
    """Say how well the methods agree, where that can be said."""
    agreement = found.agreement[group]
    return f" (rank correlation {agreement:.2f})" if np.isfinite(agreement) else ""


def _methods(found: Attribution) -> tuple[Numbers, Numbers]:
    return found.occlusion, found.gradients


def _plot_shares(axes: Any, names: Sequence[str], occlusion: Numbers, gradients: Numbers) -> None:  # noqa: ANN401
    places = np.arange(len(names))
    axes.barh(places - 0.2, occlusion, 0.38, color=COOL, label="occlusion")
    axes.barh(places + 0.2, gradients, 0.38, color=GOLD, label="integrated gradients")
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", labelsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of all parts, whatever their sign")
    axes.legend(frameon=False, loc="lower right")


def _plot_memory(axes: Any, explanation: Explanation) -> None:  # noqa: ANN401
    """Draw how much of an older memory still stands at the origin."""
    gating = explanation.gating
    for cell, kept in gating.kept.items():
        name, colour, dashes = CELLS[cell]
        axes.plot(np.arange(len(kept)), kept, dashes, color=colour, label=name)
    axes.set_yscale("log")
    axes.set_ylim(1e-3, 1.2)
    step = _step(explanation)
    axes.set_title(f"Memory left at the origin: it reaches {gating.memory_length:.1f} {step}s")
    axes.set_xlabel(f"{step}s since it was written")
    axes.set_ylabel("share kept")
    axes.legend(frameon=False)


def _plot_gradients(axes: Any, explanation: Explanation) -> None:  # noqa: ANN401
    """Draw each cell's gradient beside the last step's: before training thin, after it thick."""
    for cell, course in explanation.gradients.items():
        name, colour, dashes = CELLS[cell]
        for norms, width, label in ((course.untrained, 0.7, None), (course.trained, 2.0, name)):
            share = norms / norms[-1] if norms[-1] > 0 else norms
            drawn = np.where(share >= FLOOR, share, np.nan)
            axes.plot(_back(explanation), drawn, dashes, color=colour, linewidth=width, label=label)
    axes.set_yscale("log")
    axes.set_title("How far an error reaches back (thin: untrained)")
    axes.set_xlabel(f"{_step(explanation)}s from the origin")
    axes.set_ylabel("gradient by the state, last = 1")
    axes.legend(frameon=False, fontsize=8, loc="lower right")


#: The lower half, row by row.
_PANELS = (_plot_variables, _plot_days, _plot_memory, _plot_gradients)
