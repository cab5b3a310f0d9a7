import json

import pytest

from forecasting.errors import CorpusUnknown
from pipelines import language
from pipelines.commands.language import train

SCORE = {"characters": 10, "cross_entropy": 1.3, "perplexity": 3.7, "bits_per_character": 1.9}
DECISION = {
    "run_id": "run-1",
    "model": "language-words",
    "version": None,
    "promoted": False,
    "parts": {"test": SCORE},
    "rivals": {"n-gram 5": SCORE},
    "contest": {
        "rnn": {"parameters": 9, "test_bits_per_character": 2.2, "characters_per_second": 100}
    },
    "continuations": {"member-100": {"before": "it hasqq", "after": "it has a"}},
    "sample": "it has a lamp",
    "verdict": {"sentence": "Refused: measured."},
}


@pytest.fixture
def asked(monkeypatch):
    """What the flow was asked for; nothing is trained."""
    words = []

    def flow(**given):
        words.append(given)
        return dict(DECISION)

    monkeypatch.setattr(language, "train_language", flow)
    return words


def test_the_decision_is_one_json_object_with_the_seconds(settings, asked, declared_text, capsys):
    train(str(declared_text), text=declared_text, preset="quick", seed=3, json=True)

    told = json.loads(capsys.readouterr().out)
    assert told["model"] == "language-words"
    assert told["seconds"] >= 0
    assert told["home"] == str(settings.root)
    assert asked == [
        {"corpus": str(declared_text), "text": str(declared_text), "preset": "quick", "seed": 3}
    ]


def test_people_read_the_rivals_the_cells_and_the_continuations(
    settings, asked, declared_text, capsys
):
    assert settings
    train(str(declared_text))

    told = capsys.readouterr().out
    for words in ("n-gram 5", "3.70", "'it hasqq'", "it has a lamp", "only logged", "Refused"):
        assert words in told
    assert asked[0]["text"] is None
    assert asked[0]["preset"] == "default"


def test_a_wrong_name_is_told_before_anything_is_started(settings, asked):
    assert settings
    with pytest.raises(CorpusUnknown):
        train("atlantis")
    assert asked == []


@pytest.fixture
def declared_text(tmp_path):
    path = tmp_path / "words.toml"
    path.write_text('name = "words"\nsource = { kind = "file", path = "words.txt" }\n')
    return path
