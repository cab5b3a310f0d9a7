import json

import pytest

from benchmarks import language
from benchmarks.language import main, measure_sampling, measure_training
from forecasting.language.corpus import Corpus
from tests.serving.texts import publish_version


@pytest.fixture
def corpus():
    return Corpus(name="words", text="the time machine has a lamp " * 300, preparation="letters")


def test_both_loops_are_timed_at_a_width_and_compared(corpus, monkeypatch):
    monkeypatch.setattr(language, "TURNS", 1)

    pace = measure_training(corpus, 4, 3_000)

    assert pace.ratio == pytest.approx(pace.ours / pace.plain)
    assert pace.ours > 0


def test_training_is_told_one_object_a_width(corpus, monkeypatch, capsys):
    monkeypatch.setattr(language, "TURNS", 1)
    monkeypatch.setattr(language, "WIDTHS", (4,))
    monkeypatch.setattr(language, "TURN", {4: 3_000})
    monkeypatch.setattr(language, "packaged_corpus", lambda: corpus)

    assert main(["training"]) == 0
    assert json.loads(capsys.readouterr().out)["width"] == 4
    assert main([]) == 2


@pytest.mark.system
def test_one_stream_of_the_running_service_is_timed(tmp_path, monkeypatch):
    monkeypatch.setenv("GATECAST_HOME", str(tmp_path / "home"))
    publish_version(tmp_path / "home", tmp_path)

    [pace] = measure_sampling("wells", written=200, streams_read=1)

    assert pace > 0
