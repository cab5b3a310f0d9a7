import gzip
import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from forecasting.errors import SourceFormat, SourceUnavailable
from pipelines import language
from pipelines.sources.landing import ingesting
from pipelines.texts import landing
from pipelines.texts.catalogue import PACKAGED, find_corpus
from pipelines.texts.landing import land_text


def test_a_text_is_landed_once_under_its_own_sum_and_says_whence_it_came(settings, declared_words):
    corpus = find_corpus(str(declared_words))

    first, second = land_text(corpus, settings), land_text(corpus, settings)

    assert first == second
    assert first.stem == hashlib.sha256(first.read_bytes()).hexdigest()
    assert first.stat().st_mode & 0o222 == 0
    card = json.loads(first.with_suffix(".json").read_bytes())
    assert (card["corpus"], card["licence"]) == ("words", "CC0-1.0")
    assert card["source"].endswith("words.txt")


def test_the_flow_waits_for_another_process_that_lands_the_same_text(settings, declared_words):
    with ThreadPoolExecutor(1) as beside:
        with ingesting(settings, "text-words"):
            landed = beside.submit(language.land.fn, str(declared_words), None)
            time.sleep(0.2)
            assert not landed.done()
        assert landed.result(30).endswith(".txt")


def test_the_packaged_corpus_needs_no_network(settings):
    path = land_text(find_corpus(PACKAGED), settings)

    assert "she had been schoolmistress" in path.read_text("utf-8")


def test_a_local_file_stands_in_for_the_source_and_must_be_the_fixed_one(settings, tmp_path):
    corpus = find_corpus("time-machine")
    (tmp_path / "other.txt").write_text("The Time Machine, but another copy.")

    with pytest.raises(SourceFormat, match="not the file that the corpus fixes"):
        land_text(corpus, settings, tmp_path / "other.txt")
    with pytest.raises(SourceUnavailable):
        land_text(corpus, settings, tmp_path / "absent.txt")
    assert not (settings.root / "raw").exists()


def test_a_text_from_the_web_is_fetched_unpacked_and_checked(settings, monkeypatch):
    content = b"words " * 10
    digest = hashlib.sha256(content).hexdigest()
    corpus = find_corpus("time-machine")
    source = corpus.source.model_copy(update={"sha256": (digest,)})
    asked = []

    class Answer:
        body = gzip.compress(content)

    def fetch(url, _policy):
        asked.append(url)
        return Answer

    monkeypatch.setattr(landing, "fetch", fetch)

    path = land_text(corpus.model_copy(update={"source": source}), settings)

    assert path.read_bytes() == content
    assert asked == ["https://d2l-data.s3-accelerate.amazonaws.com/timemachine.txt"]


def test_a_page_in_the_place_of_a_text_is_refused_and_not_landed(settings, monkeypatch):
    class Answer:
        body = b"<!doctype html><title>moved</title>"

    monkeypatch.setattr(landing, "fetch", lambda *_: Answer)

    with pytest.raises(SourceFormat, match="a page of HTML"):
        land_text(find_corpus("time-machine"), settings)
    assert not (settings.root / "raw").exists()
