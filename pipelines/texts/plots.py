"""Draw what the lecture draws, as SVG: gradients through time, and models by their bits."""

import io

from matplotlib.figure import Figure

from pipelines.plots import COOL, INK, SOFT, WARM
from pipelines.texts.judgement import TextJudgement

COLOURS = {"rnn": WARM, "lstm": COOL, "gru": INK}


def plot_gradients(judgement: TextJudgement) -> str:
    """Draw how much of a loss's gradient reaches the state so many steps before it, by cell."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for cell, told in judgement.contest.items():
        for key, dashes in (("norms_before", ":"), ("norms_after", "-")):
            norms = told[key]
            shares = [max(norm / (norms[0] or 1.0), 1e-12) for norm in norms]
            when = "untrained" if key == "norms_before" else "trained"
            axes.semilogy(shares, dashes, color=COLOURS[cell], label=f"{cell}, {when}")
    axes.set_xlabel("characters before the loss")
    axes.set_ylabel("norm of the gradient, as a share of that at the loss")
    axes.set_title("A loss's gradient on its way back through time")
    axes.legend(frameon=False, ncols=3)
    return svg(figure)


def plot_bits(judgement: TextJudgement) -> str:
    """Draw the model, its rivals and the contest's cells by their bits on the test text."""
    evidence = judgement.verdict.evidence
    bits = {name: score.bits_per_character for name, score in evidence.rivals.items()}
    bits |= {
        f"{cell}, {told['parameters']:,} parameters": told["test_bits"]
        for cell, told in judgement.contest.items()
    }
    bits["this model"] = evidence.candidate.bits_per_character
    ordered = sorted(bits.items(), key=lambda entry: -entry[1])
    figure = Figure(figsize=(8, 0.32 * len(ordered) + 1), layout="constrained")
    axes = figure.subplots()
    colours = [COOL if name == "this model" else SOFT for name, _ in ordered]
    bars = axes.barh([name for name, _ in ordered], [each for _, each in ordered], color=colours)
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.set_xlabel("bits a character on the test text; fewer is better")
    axes.spines[["top", "right"]].set_visible(False)
    return svg(figure)


def svg(figure: Figure) -> str:
    """Return a figure as SVG without a date, so that the same numbers give the same bytes."""
    content = io.StringIO()
    figure.savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue()
