import pytest

from data_checks.corpora import FileSource
from forecasting.errors import CorpusInvalid, CorpusUnknown
from pipelines.texts.catalogue import PACKAGED, find_corpus, is_corpus
from tests.pipelines.texts.conftest import DECLARED


def test_the_shipped_corpora_state_their_licence_and_fix_their_bytes():
    for name in ("time-machine", PACKAGED):
        corpus = find_corpus(name)
        assert corpus.name == name
        assert corpus.licence.startswith("Public domain")
        assert len(corpus.source.sha256) == 1
        assert corpus.preparation == "letters"


def test_a_corpus_of_ones_own_is_read_from_its_file_and_its_text_lies_beside_it(declared_words):
    corpus = find_corpus(str(declared_words))

    assert isinstance(corpus.source, FileSource)
    assert corpus.source.path == declared_words.parent / "words.txt"


def test_an_unknown_corpus_and_a_broken_file_are_refused(tmp_path):
    with pytest.raises(CorpusUnknown, match=r"schoolmistress, time-machine, or a path"):
        find_corpus("atlantis")
    with pytest.raises(CorpusUnknown, match="no such corpus file"):
        find_corpus(str(tmp_path / "absent.toml"))
    (tmp_path / "latin.toml").write_bytes(b"\xe9")
    with pytest.raises(CorpusInvalid, match="is not text"):
        find_corpus(str(tmp_path / "latin.toml"))


def test_a_corpus_is_told_from_a_dataset(tmp_path, declared_words):
    (tmp_path / "garden.toml").write_text(DECLARED + "\n[columns]\n")

    assert is_corpus(PACKAGED)
    assert is_corpus(str(declared_words))
    assert not is_corpus("seattle")
    assert not is_corpus(str(tmp_path / "garden.toml"))
    assert not is_corpus(str(tmp_path / "absent.toml"))
