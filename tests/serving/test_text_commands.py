import json

import pytest

from forecasting.errors import NoChampion, SourceUnavailable
from forecasting.language.sampling import SamplingSpec
from serving.refusals import RequestRefused
from serving.text_commands import complete, score
from tests.serving.texts import publish_version

GREEDY = SamplingSpec(temperature=0)


@pytest.fixture(autouse=True)
def published(home, tmp_path, monkeypatch):
    publish_version(home, tmp_path)
    monkeypatch.setenv("GATECAST_HOME", str(home))


def test_a_prompt_is_written_on_without_a_server(capsys):
    complete("wells", "The Time", length=40, sampling=GREEDY, json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["prompt"] == "the time"
    assert len(told["text"]) == 40

    complete("wells", "The Time", length=40, sampling=GREEDY)
    assert capsys.readouterr().out == f"the time{told['text']}\n"


def test_a_text_is_scored_from_a_file_or_from_the_command_line(capsys, tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("The time machine")

    score("wells", text=path, json=True)
    from_file = json.loads(capsys.readouterr().out)
    score("wells", string="The time machine", per_character=True, json=True)
    told = json.loads(capsys.readouterr().out)
    assert from_file["bits_per_character"] == told["bits_per_character"]
    assert len(told["per_character"]) == 16

    score("wells", text=path)
    assert "over 16 characters, 0 of them unknown" in capsys.readouterr().out


def test_what_cannot_be_done_is_refused(tmp_path):
    with pytest.raises(RequestRefused):
        complete("wells", "", length=3)
    with pytest.raises(RequestRefused):
        complete("wells", "time", length=10**9)
    with pytest.raises(RequestRefused):
        score("wells")
    with pytest.raises(SourceUnavailable, match="cannot be read"):
        score("wells", text=tmp_path / "absent.txt")
    (tmp_path / "latin").write_bytes(b"\xe9")
    with pytest.raises(SourceUnavailable, match="UTF-8"):
        score("wells", text=tmp_path / "latin")
    with pytest.raises(NoChampion):
        complete("nobody", "time")
