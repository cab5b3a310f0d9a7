import json
from dataclasses import replace

import numpy as np
import pytest

from data_checks import text_suite
from data_checks.corpora import TextCorpus, parse_corpus
from data_checks.text_admissions import VERDICT, load_text, save_text
from data_checks.text_facts import REPEATED, decode, measure, repeated_share
from data_checks.text_suite import check_text
from data_checks.texts import admit_text
from forecasting.errors import CorpusInvalid, DataRefused, DataUnchecked, SourceFormat

DECLARED = """
name = "my-book"
licence = "CC0-1.0"
source = {kind = "file", path = "book.txt"}
limits = {min_characters = 2000}
"""

LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz     "))


def make_corpus(**changes) -> TextCorpus:
    return parse_corpus(DECLARED, "book.toml").model_copy(update=changes)


def make_text(characters=4_000, seed=0):
    return "".join(np.random.default_rng(seed).choice(LETTERS, characters))


def test_a_sound_text_is_accepted_and_bound_to_its_bytes():
    admission = admit_text(make_corpus(), make_text().encode())

    assert admission.verdict == "accepted"
    assert admission.failed == ()
    assert admission.facts.letters == 26
    assert admission.facts.controls == 0
    assert len(admission.data_sha256) == len(admission.file_sha256) == 64
    json.dumps(admission.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("text", "variable"),
    [
        (make_text(1_500), "characters"),
        (make_text() + "\x00", "controls"),
        (make_text() + "\x85\ufdd0", "controls"),
        (make_text() * 2, "repeats"),
        (make_text().translate({ord(each): "a" for each in "bcdefghijk"}), "letters"),
        (make_text() + "7;" * 2_000, "prose"),
    ],
)
def test_each_fault_of_a_text_refuses_it_and_is_named(text, variable):
    admission = admit_text(make_corpus(), text.encode())

    assert admission.verdict == "refused"
    assert variable in {result.variable for result in admission.failed}
    assert admission.text is None
    assert admission.data_sha256 is None


def test_a_text_without_a_licence_is_refused(tmp_path):
    corpus = make_corpus(licence="not stated")
    admission = admit_text(corpus, make_text().encode())

    assert {result.variable for result in admission.failed} == {"licence"}
    with pytest.raises(CorpusInvalid, match="states no licence"):
        save_text(tmp_path, corpus, admission)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"line one\nline two \xff", "another byte in line 2"),
        (b"", "nothing"),
        (b" \n\xef\xbb\xbf", "found"),
        (b"<!DOCTYPE html><html>not found</html>", "a page of HTML"),
        ("text".encode("utf-16"), "another byte in line 1"),
    ],
)
def test_bytes_that_are_no_text_are_refused(content, told):
    if b"\xef" in content:
        assert decode(content, "bom")
        return
    with pytest.raises(SourceFormat, match=told):
        decode(content, "my-book")


def test_a_byte_order_mark_is_no_part_of_the_text():
    assert decode(b"\xef\xbb\xbfwords", "my-book") == "words"


def test_what_is_repeated_is_what_stood_there_before():
    text = make_text(1_000)

    assert repeated_share(text) == 0.0
    assert repeated_share(text + text) == pytest.approx(0.5, abs=0.03)
    assert repeated_share("a" * (REPEATED - 1)) == 0.0


def test_a_fact_that_is_missing_meets_no_expectation():
    corpus = make_corpus()
    facts = replace(measure(corpus, make_text(), make_text()), repeats=float("nan"))

    failed = {result.variable for result in check_text(corpus, facts) if not result.success}

    assert failed == {"repeats"}


def test_an_expectation_that_raises_counts_as_failed(monkeypatch):
    corpus = make_corpus()
    suite = text_suite.text_suite(corpus)
    monkeypatch.setattr(
        text_suite,
        "text_suite",
        lambda _: (*suite, text_suite.ExpectColumnValuesToNotBeNull(column="absent")),
    )

    results = check_text(corpus, measure(corpus, make_text(), make_text()))

    assert [result.success for result in results].count(False) == 1
    assert results[-1].observed.startswith("raised")


def test_an_accepted_text_is_read_back_under_its_digest(tmp_path):
    corpus = make_corpus()
    admission = admit_text(corpus, make_text().encode())

    digest = save_text(tmp_path, corpus, admission)

    assert load_text(tmp_path, digest).text == admission.text
    assert load_text(tmp_path, digest).preparation == "letters"


def test_a_refused_text_is_not_kept(tmp_path):
    corpus = make_corpus()
    admission = admit_text(corpus, (make_text() * 2).encode())

    with pytest.raises(DataRefused, match="refused my-book: repeats"):
        save_text(tmp_path, corpus, admission)
    assert list(tmp_path.iterdir()) == []


def test_a_text_without_its_verdict_or_with_another_is_refused(tmp_path):
    corpus = make_corpus()
    digest = save_text(tmp_path, corpus, admit_text(corpus, make_text().encode()))
    folder = tmp_path / "texts" / digest

    with pytest.raises(DataUnchecked, match="not a data version"):
        load_text(tmp_path, "../" + digest)
    with pytest.raises(DataUnchecked, match="no verdict"):
        load_text(tmp_path, "0" * 64)
    (folder / "text.txt").write_text(make_text(seed=1))
    with pytest.raises(DataUnchecked, match="not the one that was accepted"):
        load_text(tmp_path, digest)
    (folder / VERDICT).write_text("{}")
    with pytest.raises(DataUnchecked, match="cannot be read"):
        load_text(tmp_path, digest)
