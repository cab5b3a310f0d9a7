"""The steps of the language flow one after another, in this process, on a tiny corpus."""

import errno
import inspect
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from forecasting.errors import GatecastError, ModelInvalid, NoChampion, StorageFailed
from forecasting.language.vocabulary import Vocabulary
from forecasting.settings import load_settings
from forecasting.stores.decisions import read_decisions
from forecasting.stores.fencing import take
from forecasting.stores.published import read_pointer, read_text_card, version_folder
from forecasting.stores.registry.aliases import CHALLENGER, CHAMPION, alias_of
from forecasting.stores.registry.versions import connect, resolve
from pipelines import language, retraining, telling, tracking
from pipelines.commands.compare import diff
from pipelines.commands.language import print_text_decision
from pipelines.commands.models import promote, rollback
from pipelines.commands.output import print_json
from pipelines.commands.reproduce import reproduce
from pipelines.commands.review import approve
from pipelines.reviewing import GateRefused
from pipelines.texts import judging, promotion
from pipelines.texts.fitting import main
from pipelines.texts.judgement import read_judgement, worded, write_judgement
from pipelines.texts.promotion import publish_text, roll_back_text, smoke_test, wanted
from pipelines.workspace import close_workspace
from serving.texts import TextModel
from tests.serving.texts import write_version


@pytest.fixture
def quiet(monkeypatch):
    """Keep Prefect's server out: no artifacts, no events; networks train in this process."""
    monkeypatch.setattr(language, "create_markdown_artifact", lambda **_: None)
    monkeypatch.setattr(telling, "emit_event", lambda **_: None)

    def beside(settings, folder, name, _watch, module):
        assert module == "pipelines.texts.fitting"
        assert main([str(settings.root), str(folder), name]) == 0
        return folder / name

    monkeypatch.setattr(language, "fit_beside", beside)


def run(declared, seed=1):
    """Do what the flow does, step by step."""
    with tracking.recorded_run(load_settings(), "language-words", "train words", {}) as run_id:
        file = language.land.fn(str(declared), None)
        digest = language.admit.fn(str(declared), file, run_id)
        folder = language.split.fn(str(declared), digest, "tiny", seed)
        for name in language.read_text_plan(language.Path(folder)).networks:
            language.fit.fn(folder, name)
        language.judge.fn(folder, run_id)
        fence = take(load_settings().root, "language-words")
        version = language.publish.fn(folder, run_id, fence)
        decision = language.promote.fn(folder, version, run_id, fence)
        judgement = read_judgement(language.Path(folder))
        close_workspace(language.Path(folder))
    return decision, judgement


@pytest.mark.usefixtures("tiny_preset", "quiet", "easy_rivals")
def test_a_tiny_corpus_goes_from_its_file_to_a_served_champion(
    settings, declared_words, capsys, own_environment, monkeypatch
):
    decision, _ = run(declared_words)

    assert decision["promoted"], decision["verdict"]["sentence"]
    assert decision["test_bits_per_character"] < decision["best_ngram_bits_per_character"]
    assert decision["test_perplexity"] == pytest.approx(2 ** decision["test_bits_per_character"])
    assert set(decision["parts"]) == {"train", "validation", "test"}
    assert set(decision["contest"]) == {"rnn", "lstm", "gru"}
    assert set(decision["rivals"]) >= {"uniform", "unigram", "n-gram 8", "bzip2", "xz"}
    assert decision["continuations"]["member-100"]["after"].startswith("it has")
    client = connect(settings)
    check_what_a_reviewer_sees(client, decision["run_id"])
    pointer = read_pointer(settings.root, "language-words")
    served = TextModel.load(version_folder(settings.root, pointer), pointer)
    assert served.card.vocabulary_sha256 == served.vocabulary.sha256

    again, _ = run(declared_words)
    assert "better than champion, version 1" in again["verdict"]["sentence"]
    assert alias_of(client, "language-words", CHAMPION) == 1
    assert alias_of(client, "language-words", CHALLENGER) == again["version"] == 2
    check_what_people_read(again, capsys)
    with pytest.raises(NoChampion):
        rollback("language-words")
    check_the_gate_again(capsys)
    kept = [each.promoted for each in read_decisions(settings.root, "language-words")]
    assert kept == [False, True, False, True]
    check_two_pairs_of_eyes(client, own_environment)
    check_it_is_trained_again(monkeypatch, capsys)
    check_what_changed(capsys)


def check_what_changed(capsys):
    """Two versions of one text and recipe: the same data, the same bits."""
    capsys.readouterr()
    diff("language-words/1", "language-words/2", json=True)
    told = json.loads(capsys.readouterr().out)
    assert "the same data; the same parameters; bits_per_character" in told["sentence"]
    assert told["skill"][0]["change"] == 0
    assert [row["name"] for row in told["cost"]] == ["megabytes", "milliseconds"]


def check_it_is_trained_again(monkeypatch, capsys):
    """The members are trained again, and come to the same weights and the same graph."""
    monkeypatch.setattr(retraining, "fit_beside", language.fit_beside)
    capsys.readouterr()
    assert reproduce("language-words/1", json=True) == 0
    out = capsys.readouterr().out
    told = json.loads(out[out.index("{\n") :])  # after the epochs, which the child would say
    assert (told["same"], told["weights"]["differing"]) == (True, [])
    assert [each["name"] for each in told["inputs"] if each["differs"]] == []


def check_two_pairs_of_eyes(client, environment):
    """The gate only proposes; what it refused nobody approves; a person promotes, by name."""
    environment["GATECAST_TWO_PAIRS_OF_EYES"] = "true"
    with pytest.raises(GateRefused, match="not better than champion, version 1"):
        approve("language-words/2", by="Ada")
    client.delete_registered_model_alias("language-words", CHAMPION)
    assert promote("language-words/1", json=True) == 0
    assert alias_of(client, "language-words", CHAMPION) is None
    assert resolve(client, "language-words/1").tags["verdict"].startswith("Proposed: ")
    approve("language-words@challenger", by="Ada", why="it writes well")
    champion = resolve(client, "language-words@champion")
    assert (champion.version, champion.tags["approved_by"]) == (1, "Ada")


def check_the_gate_again(capsys):
    """The champion passes once more; its equal is refused once more."""
    capsys.readouterr()
    for version, code in (("1", 0), ("2", 1)):
        assert promote(f"language-words/{version}", json=True) == code
        told = json.loads(capsys.readouterr().out)
        assert told["promoted"] is (code == 0)


def check_what_a_reviewer_sees(client, run_id):
    version = resolve(client, "language-words@champion")
    for words in ("How it writes", "perplexity", "n-gram 5", "xz", "Cells at equal parameters"):
        assert words in version.description
    assert version.tags["promoted"] == "true"
    artifacts = {file.path for file in client.list_artifacts(run_id)}
    assert artifacts >= {"judgement.json", "plan.json", "verdict.json", "gradients.svg", "bits.svg"}


def check_what_people_read(decision, capsys):
    capsys.readouterr()
    print_text_decision(decision | {"seconds": 1.0})
    told = capsys.readouterr().out
    assert "Cells at equal parameters" in told
    assert "language-words/2" in told
    print_json(decision)
    json.loads(capsys.readouterr().out)


@pytest.fixture
def judged(written, easy_rivals):  # noqa: ARG001 - the rivals that it is judged beside
    """The plan's networks trained, and judged."""
    written.train()
    judgement = judging.judge_text(written.settings, written.folder)
    write_judgement(written.folder, judgement)
    return judgement


def make_run(settings):
    client = connect(settings)
    experiment = tracking.experiment_of(client, settings, "language-words")
    return tracking.start_run(client, experiment, "train words")


def with_failed(verdict, *failed):
    checks = tuple(replace(each, passed=each.name not in failed) for each in verdict.checks)
    return replace(verdict, checks=checks, promoted=not failed)


def test_a_judgement_is_read_back_and_its_model_registered_promoted_and_rolled_back(
    written, judged
):
    again = read_judgement(written.folder)
    assert again.verdict.to_json() == judged.verdict.to_json()
    assert (again.parts, again.ngrams) == (judged.parts, judged.ngrams)

    settings, folder, run_id = written.settings, written.folder, make_run(written.settings)
    first = publish_text(settings, folder, judged, run_id)
    moved = promotion.decide_text(settings, folder, replace(judged, champion=7), first)
    assert not moved.promoted
    assert moved.verdict.sentence.startswith("Refused: the champion of language-words")
    for version in (first, publish_text(settings, folder, judged, run_id)):
        champion = alias_of(connect(settings), "language-words", CHAMPION)
        present = replace(judged, champion=champion)
        assert promotion.decide_text(settings, folder, present, version).promoted
    pointer = roll_back_text(settings, "language-words", "a test")
    assert pointer.version == first
    rollback("language-words")
    check_smoke(version_folder(settings.root, pointer))
    check_what_is_registered(written, judged)


def check_smoke(files):
    smoke_test(files)
    assert read_text_card(files).corpus == "words"
    Vocabulary.fit("aabb").write(files)
    with pytest.raises(ModelInvalid, match="do not belong together"):
        smoke_test(files)


def check_what_is_registered(written, judged):
    verdict = judged.verdict
    ngram, *_ = (check for check in verdict.checks if "n-gram" in check.name)
    champion = replace(ngram, name="better than champion, version 1", passed=False)
    assert wanted(verdict)
    assert not wanted(with_failed(verdict, ngram.name))
    assert wanted(replace(verdict, checks=(*verdict.checks, champion)))
    refused = replace(judged, verdict=with_failed(verdict, ngram.name))
    assert publish_text(written.settings, written.folder, refused, "run") is None
    decision = promotion.decide_text(written.settings, written.folder, refused, None)
    assert (decision.version, decision.promoted) == (None, False)


def test_a_champion_that_cannot_be_asked_stands_in_nobodys_way(written, monkeypatch):
    corpus = written.plan.text(written.settings.root)
    monkeypatch.setattr(judging, "alias_of", lambda *_: 3)

    def fails(*_):
        raise GatecastError("gone")

    monkeypatch.setattr(judging, "fetch", fails)

    found = judging.duel_of(written.settings, "m", corpus, np.ones(len(corpus.test)))
    assert found == (3, None)


def test_a_champion_that_reads_another_alphabet_is_not_compared(written, monkeypatch, tmp_path):
    corpus = written.plan.text(written.settings.root)
    files = write_version(tmp_path / "whole", preparation="as-is")
    monkeypatch.setattr(judging, "alias_of", lambda *_: 4)
    monkeypatch.setattr(judging, "fetch", lambda *_: files)

    found = judging.duel_of(written.settings, "m", corpus, np.ones(len(corpus.test)))
    assert found == (4, None)


def test_words_stand_where_json_has_no_number():
    assert worded({"a": [math.inf, 1.0], "b": -math.inf}) == {
        "a": ["Infinity", 1.0],
        "b": "-Infinity",
    }


def test_a_network_that_cannot_be_trained_says_so_in_a_line(written, capsys):
    (written.settings.root / "texts" / written.plan.data_sha256 / "text.txt").write_text("x")

    assert main([str(written.settings.root), str(written.folder), "cell-rnn"]) == 1
    assert json.loads(capsys.readouterr().out)["refused"]["code"] == "CORPUS_TOO_SHORT"


def test_the_flow_has_the_name_and_the_defaults_that_people_schedule():
    assert language.train_language.name == "language-model"
    declared = inspect.signature(language.train_language.fn).parameters
    assert {name: each.default for name, each in declared.items()} == {
        "corpus": "schoolmistress", "text": None, "preset": "default", "seed": 1,
    }  # fmt: skip
    tasks = (language.admit, language.split, language.fit, language.judge, language.promote)
    assert language.land.retries == 2
    assert [task.retries for task in tasks] == [0] * 5


def test_a_disk_that_refuses_a_training_is_told_by_its_code(settings, declared_words, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(language, "land", full)
    with pytest.raises(StorageFailed, match="the training could not be written") as refusal:
        language.train_language.fn(str(declared_words))
    assert refusal.value.found == "No space left on device"
    assert not list((settings.root / "published").glob("*"))
