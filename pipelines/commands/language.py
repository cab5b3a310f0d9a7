"""The verb `language train`: run the language flow, show its progress, print its decision."""

import time
from pathlib import Path
from typing import Any, Literal

from forecasting.settings import Settings, load_settings
from pipelines.commands.output import print_json, print_line, print_table
from pipelines.environment import prepare
from pipelines.server import scheduler_errors

#: Characters of a usual training text.
USUAL_LENGTH = 200_000

Preset = Literal["default", "quick", "lecture-rnn", "lecture-lstm", "lecture-gru"]


def train(
    name_or_toml: str = "schoolmistress",
    *,
    text: Path | None = None,
    preset: Preset = "default",
    seed: int | None = None,
    json: bool = False,
) -> None:
    """Train a corpus' language model: land, check, train, judge, promote what has earned it.

    Args:
        name_or_toml: a shipped corpus, or the path of a corpus' TOML file.
        text: a local file to take instead of the declared source.
        preset: `default`, `quick`, or one of the lecture's own: `lecture-rnn`, `lecture-lstm`,
            `lecture-gru`.
        seed: the random seed; the shipped one when left out.
        json: print one JSON object.
    """
    began = time.perf_counter()
    settings = load_settings()
    prepare(settings)
    decision = run_language(settings, name_or_toml, text, preset, seed)
    decision["seconds"] = round(time.perf_counter() - began, 1)
    if json:
        print_json(decision)
    else:
        print_text_decision(decision)


def run_language(
    settings: Settings, name: str, text: Path | None, preset: Preset, seed: int | None
) -> dict[str, Any]:
    """Run the flow in this process, with a bar a network on a terminal."""
    from pipelines.catalogue import resolved  # noqa: PLC0415 - beside the rest
    from pipelines.texts.catalogue import find_corpus  # noqa: PLC0415 - pydantic takes a while

    find_corpus(name)  # a wrong name is told before a server is started
    from forecasting.language.presets import recipe_of  # noqa: PLC0415 - torch takes seconds
    from forecasting.language.recipe import SEED  # noqa: PLC0415 - torch takes seconds
    from pipelines.language import train_language  # noqa: PLC0415 - prefect takes seconds
    from pipelines.progress import shown  # noqa: PLC0415 - rich only where it is drawn

    # How long the text is shows only when it has come: the bars reckon with a usual one.
    epochs = recipe_of(preset).member.trained_on(USUAL_LENGTH, 0).epochs
    with scheduler_errors(), shown(members=1, epochs=epochs):
        decision: dict[str, Any] = train_language(
            corpus=resolved(name),
            text=None if text is None else str(text.expanduser().resolve()),
            preset=preset,
            seed=SEED if seed is None else seed,
        )
    return decision | {"home": str(settings.root)}


def print_text_decision(decision: dict[str, Any]) -> None:
    """Print the model among its rivals, the cells, the continuations, and the decision."""
    scores = {"this model": decision["parts"]["test"], **decision["rivals"]}
    rows = [
        (name, f"{score['bits_per_character']:.3f}", f"{score['perplexity']:.2f}")
        for name, score in sorted(scores.items(), key=lambda each: each[1]["cross_entropy"])
    ]
    print_table("", ("on the test text", "bits a character", "perplexity"), rows)
    contest = [
        (
            cell,
            f"{told['parameters']:,}",
            f"{told['test_bits_per_character']:.3f}",
            f"{told['characters_per_second']:,}",
        )
        for cell, told in decision["contest"].items()
    ]
    heads = ("cell", "parameters", "bits a character", "characters/s")
    print_table("Cells at equal parameters", heads, contest)
    for name, said in decision["continuations"].items():
        print_line(f"{name}, untrained: {said['before']!r}")
        print_line(f"{name}, trained:   {said['after']!r}")
    print_line(f"so it writes: {decision['sample']}")
    style = "bold green" if decision["promoted"] else "bold yellow"
    print_line(decision["verdict"]["sentence"], style=style)
    version = decision["version"]
    registered = "only logged" if version is None else f"{decision['model']}/{version}"
    print_line(f"version: {registered}; run: {decision['run_id']}; {decision['seconds']} s")
