import json
import shutil
from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from forecasting.errors import ManifestMismatch, ModelInvalid, ModelOutputInvalid
from forecasting.language.sampling import SamplingSpec
from forecasting.language.vocabulary import VOCABULARY as VOCABULARY_FILE
from forecasting.language.vocabulary import Vocabulary
from forecasting.stores.published import (
    CARD,
    GRAPH,
    MANIFEST,
    read_pointer,
    version_folder,
    withdraw,
    write_manifest,
)
from serving import texts as module
from serving.texts import PIECE, Deadline, ModelUnknown, TextChampions, TextModel, TextTimeout
from tests.serving.texts import VOCABULARY, WHOLE, publish_version, write_version

GREEDY = SamplingSpec(temperature=0)
LONG = Deadline(at=float("inf"))


@pytest.fixture
def load(home, tmp_path):
    """Publish a version, spoil its files where told, and load it."""

    def publish_and_load(spoil=None, **changes):
        pointer = publish_version(home, tmp_path, **changes)
        folder = version_folder(home, pointer)
        if spoil is not None:
            spoil(folder)
            (folder / MANIFEST).unlink()
            pointer = replace(pointer, manifest_sha256=write_manifest(folder))
        return TextModel.load(folder, pointer)

    return publish_and_load


def test_a_prompt_is_written_on_in_pieces_and_the_same_each_time(load):
    model = load()

    pieces = list(model.write("the time", 70, GREEDY, LONG))

    assert [len(piece) for piece in pieces] == [PIECE, PIECE, 6]
    assert pieces == list(model.write("the time", 70, GREEDY, LONG))
    assert set("".join(pieces)) <= set(VOCABULARY.symbols[1:])


def test_the_score_of_a_text_is_that_of_its_characters(load):
    model = load()

    losses = model.losses("the time", LONG)

    assert losses.shape == (8,)
    assert np.isfinite(losses).all()
    assert model.losses("the", LONG) == pytest.approx(losses[:3], abs=1e-5)


def test_a_text_is_read_by_the_models_own_preparation(load):
    letters = load()
    whole = load(version=2, vocabulary=WHOLE, preparation="as-is", model="language-cafe")

    assert letters.read("The\nTime, 1895!") == "the time "
    assert whole.read("cafe\u0301\r\n") == "café\n"
    assert letters.unknown("xqz q") == 4
    assert next(whole.write("é\ud800", 3, GREEDY, LONG))


def test_a_text_stops_when_its_time_is_over(load):
    clock = count()
    model = load()
    short = Deadline(at=3, clock=lambda: float(next(clock)))

    with pytest.raises(TextTimeout, match="took too long"):
        list(model.write("the time", 10_000, GREEDY, short))
    with pytest.raises(TextTimeout):
        model.losses("the time", Deadline(at=0, clock=lambda: 1.0))


def swap_vocabulary(folder):
    Vocabulary(("\ufffd", *reversed(VOCABULARY.symbols[1:]))).write(folder)


def swap_consistently(folder):
    """Another vocabulary of the same size, on the card as well: only the graph knows better."""
    other = Vocabulary(("\ufffd", *reversed(VOCABULARY.symbols[1:])))
    other.write(folder)
    card = json.loads((folder / CARD).read_bytes())
    (folder / CARD).write_text(json.dumps({**card, "vocabulary_sha256": other.sha256}))


def swap_graph(folder):
    other = write_version(folder.parent / "other", vocabulary=WHOLE)
    shutil.copy(other / GRAPH, folder / GRAPH)
    shutil.rmtree(other)


@pytest.mark.parametrize("spoil", [swap_vocabulary, swap_consistently, swap_graph])
def test_a_vocabulary_and_weights_that_do_not_belong_together_are_refused(load, spoil):
    with pytest.raises(ModelInvalid, match="do not belong together"):
        load(spoil)


@pytest.mark.parametrize(
    ("spoil", "error", "told"),
    [
        (lambda folder: (folder / CARD).write_text("{}"), ModelInvalid, "card cannot be read"),
        (lambda folder: (folder / GRAPH).write_bytes(b"x"), ModelInvalid, "cannot be loaded"),
        (lambda folder: (folder / GRAPH).unlink(), ManifestMismatch, "no graph"),
        (lambda folder: (folder / VOCABULARY_FILE).unlink(), ModelInvalid, "vocabulary"),
    ],
)
def test_files_that_will_not_do_are_refused(load, spoil, error, told):
    with pytest.raises(error, match=told):
        load(spoil)


def test_one_flipped_bit_is_refused_before_anything_is_parsed(home, tmp_path):
    pointer = publish_version(home, tmp_path)
    path = version_folder(home, pointer) / GRAPH
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(ManifestMismatch):
        TextModel.load(path.parent, pointer)


def test_another_models_files_are_refused(home, tmp_path):
    pointer = publish_version(home, tmp_path)

    with pytest.raises(ModelInvalid, match="another model's files"):
        TextModel.load(version_folder(home, pointer), replace(pointer, model="language-other"))


def test_a_graph_that_fails_its_self_test_is_refused(load, monkeypatch):
    honest = module.selftest
    monkeypatch.setattr(
        module, "selftest", lambda *given: replace(honest(*given), sum_difference=0.5)
    )

    with pytest.raises(ModelOutputInvalid, match="self-test"):
        load()


def test_champions_follow_the_language_models_and_leave_the_forecasters_alone(
    home, tmp_path, promote
):
    promote(1)
    champions = TextChampions(home)
    champions.refresh()
    with pytest.raises(ModelUnknown):
        champions.of("language-wells")

    publish_version(home, tmp_path)
    champions.refresh()
    assert champions.models == ("language-wells",)
    first = champions.of("language-wells")

    publish_version(home, tmp_path, version=2)
    champions.refresh()
    assert champions.of("language-wells").pointer == read_pointer(home, "language-wells")
    assert champions.of("language-wells") is not first

    withdraw(home, "language-wells")
    champions.refresh()
    assert champions.models == ()
