"""The verb `models reproduce`: train a version again, and say whether the same came out."""

import tempfile
from pathlib import Path

from forecasting.settings import load_settings
from pipelines.commands.output import print_json, print_line, print_table, progress
from pipelines.environment import prepare

SAME, DIFFERS = 0, 1


def reproduce(version: str, *, json: bool = False) -> int:
    """Train a version again from its recorded data, seeds and recipe, and compare the weights.

    The training takes as long as the first one did, in a temporary folder; registry, pointers and
    logs stay as they are. Exit code 0: the same weights, byte for byte, and a graph that answers
    the same within 0.0001. 1: not the same, or not trainable; then the inputs that are other than
    recorded are named: data, recipe, code, lock file, Python, libraries, processor.

    Args:
        version: `climate-seattle/3` or `climate-seattle@champion`.
        json: print one JSON object.
    """
    settings = load_settings()
    prepare(settings)
    from forecasting.stores.registry.versions import connect, resolve  # noqa: PLC0415 - 3 s
    from pipelines import reproducing  # noqa: PLC0415 - torch and MLflow take seconds

    client = connect(settings)
    found = resolve(client, version)
    with (
        tempfile.TemporaryDirectory() as scratch,
        progress(f"training {found.name} again"),
    ):
        result = reproducing.reproduce(settings, client, found, Path(scratch), lambda _: None)
    if json:
        print_json(result.to_json())
    else:
        rows = [
            (each.name, each.recorded, each.now, "other" if each.differs else "")
            for each in result.inputs
        ]
        print_table(f"{found.name}: inputs", ("input", "recorded", "now", ""), rows)
        print_line(result.sentence, style="bold green" if result.same else "bold yellow")
    return SAME if result.same else DIFFERS
