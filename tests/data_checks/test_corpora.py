import pytest

from data_checks.corpora import NO_LICENCE, FileSource, parse_corpus
from forecasting.errors import CorpusInvalid

DECLARED = """
name = "my-book"
licence = "CC0-1.0"
preparation = "as-is"
[source]
kind = "file"
path = "book.txt"
"""


def test_a_corpus_is_declared_in_a_few_lines():
    corpus = parse_corpus(DECLARED, "book.toml")

    assert corpus.preparation == "as-is"
    assert isinstance(corpus.source, FileSource)
    assert corpus.source.names() == ("book.txt",)
    assert (corpus.begin, corpus.end) == (None, None)


def test_letters_are_read_and_no_licence_is_assumed_unless_the_file_says_so():
    corpus = parse_corpus('name = "x"\nsource = {kind = "file", path = "x.txt"}', "x.toml")

    assert corpus.preparation == "letters"
    assert corpus.licence == NO_LICENCE


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name = ", "is not TOML"),
        ("name = 2020-01-01", "cannot be used"),
        (DECLARED + "surprise = 1", "surprise"),
        (DECLARED.replace("my-book", "My Book"), "name"),
        (DECLARED.replace("as-is", "upper"), "preparation"),
        (DECLARED.replace('"file"', '"csv"'), "source"),
        (DECLARED + 'sha256 = ["short"]', "sha256"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_key(text, told):
    with pytest.raises(CorpusInvalid, match=told):
        parse_corpus(text, "book.toml")
