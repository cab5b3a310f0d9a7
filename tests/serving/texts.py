"""Small real language models for the serving tests: a network of random weights, published."""

from dataclasses import asdict
from pathlib import Path

from forecasting.language.export import Ensemble, write_text_graph
from forecasting.language.model import ModelSpec
from forecasting.language.training import new_model
from forecasting.language.vocabulary import Vocabulary
from forecasting.stores.files import write_json
from forecasting.stores.published import (
    CARD,
    GRAPH,
    Pointer,
    TextCard,
    publish,
    write_manifest,
)

VOCABULARY = Vocabulary.fit("the time machine by h g wells " * 2)
WHOLE = Vocabulary.fit("The café is open.\n" * 2)


def write_version(folder: Path, *, version=1, vocabulary=VOCABULARY, **changes) -> Path:
    """Write the files of one version, whole and with their manifest; returns the folder."""
    network = new_model(ModelSpec(cell="gru", widths=(6,)), len(vocabulary), version)
    model = Ensemble([network])
    card = {
        "model": "language-wells",
        "corpus": "wells",
        "preparation": "letters",
        "symbols": len(vocabulary),
        "state": model.size,
        "cell": "gru",
        "members": 1,
        "parameters": 321,
        "vocabulary_sha256": vocabulary.sha256,
        "data_sha256": "d" * 64,
        "test_bits_per_character": 1.9,
        "run_id": f"run-{version}",
    } | changes
    folder.mkdir(parents=True)
    write_text_graph(model, model.size, vocabulary, folder / GRAPH)
    vocabulary.write(folder)
    write_json(folder / CARD, asdict(TextCard(**card)))
    write_manifest(folder)
    return folder


def publish_version(home: Path, scratch: Path, *, version=1, **changes) -> Pointer:
    """Publish a version as the champion of the home folder."""
    name = changes.get("model", "language-wells")
    files = write_version(scratch / f"{name}-{version}", version=version, **changes)
    return publish(home, files, version=version, alias="champion", run_id=f"run-{version}")
