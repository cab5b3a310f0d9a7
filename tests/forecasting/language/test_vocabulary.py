import json

import numpy as np
import pytest

from forecasting.errors import ModelInvalid
from forecasting.language.vocabulary import UNKNOWN, VOCABULARY, Vocabulary, read_vocabulary


def test_a_vocabulary_knows_what_training_saw_twice_and_calls_the_rest_unknown():
    vocabulary = Vocabulary.fit("banana split bans")

    assert vocabulary.symbols == (UNKNOWN, *" abns")
    assert vocabulary.encode("banz").tolist() == [3, 2, 4, 0]


def test_encoding_and_decoding_give_the_same_text():
    vocabulary = Vocabulary.fit("abc abc abc")

    assert vocabulary.decode(vocabulary.encode("cab abc")) == "cab abc"


def test_a_character_that_nobody_knows_is_never_an_index_error():
    vocabulary = Vocabulary.fit("aabb")

    assert vocabulary.encode("a\ud800é\x00漢").tolist() == [1, 0, 0, 0, 0]
    assert vocabulary.decode(np.array([0, 1])) == f"{UNKNOWN}a"


def test_a_number_that_stands_for_nothing_is_refused():
    with pytest.raises(ModelInvalid, match="not a character's number"):
        Vocabulary.fit("aabb").decode(np.array([3]))


@pytest.mark.parametrize("symbols", [(), (UNKNOWN,), ("a", "b"), (UNKNOWN, "ab"), (UNKNOWN, 7)])
def test_what_is_no_vocabulary_is_refused(symbols):
    with pytest.raises(ModelInvalid, match="no vocabulary"):
        Vocabulary(symbols)


def test_a_vocabulary_that_names_a_character_twice_is_refused():
    with pytest.raises(ModelInvalid, match="each character once"):
        Vocabulary((UNKNOWN, "a", "a"))


def test_a_vocabulary_is_read_back_by_the_digest_that_the_weights_know(tmp_path):
    vocabulary = Vocabulary.fit("aabbcc\n\n")
    vocabulary.write(tmp_path)

    assert read_vocabulary(tmp_path, vocabulary.sha256) == vocabulary


def test_another_vocabulary_than_the_weights_is_refused(tmp_path):
    Vocabulary.fit("aabb").write(tmp_path)

    with pytest.raises(ModelInvalid, match="do not belong together"):
        read_vocabulary(tmp_path, Vocabulary.fit("aacc").sha256)


@pytest.mark.parametrize("content", [None, b"{", b"{}", json.dumps({"symbols": "a"}).encode()])
def test_a_vocabulary_that_cannot_be_read_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / VOCABULARY).write_bytes(content)

    with pytest.raises(ModelInvalid, match="vocabulary"):
        read_vocabulary(tmp_path, "0" * 64)
