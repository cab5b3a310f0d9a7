import getpass
from dataclasses import replace

import pytest
from mlflow.exceptions import MlflowException

from forecasting.climate.gate import judge
from forecasting.errors import AlreadyRunning, ManifestMismatch, ModelOutputInvalid, NoChampion
from forecasting.stores.published import read_pointer, verify_manifest, version_folder
from forecasting.stores.registry import aliases
from forecasting.stores.registry.aliases import ChampionMoved, alias_of, promotion_lock, read_log
from forecasting.stores.registry.versions import connect, resolve
from pipelines import promotion
from pipelines.deciding import wanted
from pipelines.promotion import decide, roll_back, tag_decision
from pipelines.soundness import smoke_test

MODEL = "climate-oslo"


@pytest.fixture
def client(settings):
    return connect(settings)


@pytest.fixture
def champion(work, candidate):
    """Promote a graph that errs by so many degrees; returns its version."""

    def promote(wrong_by):
        judgement, version = candidate(wrong_by=wrong_by)
        decision = decide(work.settings, work.folder, judgement, version)
        assert decision.promoted
        return version

    return promote


@pytest.mark.parametrize(
    ("evidence", "found", "registered"),
    [
        pytest.param({}, {}, True, id="promoted, the first"),
        pytest.param({"champion": 1.2, "against": 1.0}, {}, True, id="promoted over a champion"),
        pytest.param({"champion": 0.9, "against": 1.0}, {}, True, id="worse than the champion"),
        pytest.param({"champion": 1.0, "against": 1.0}, {}, False, id="the champion's equal"),
        pytest.param({"candidate": 3.0}, {}, False, id="worse than a rival"),
        pytest.param(
            {"candidate": 3.0, "champion": 4.0, "against": 3.0}, {}, False,
            id="better only than the champion",
        ),
        pytest.param({"p_values": {"climatology": 0.2}}, {}, False, id="better by luck"),
        pytest.param({"candidate": float("nan")}, {}, False, id="says nothing"),
        pytest.param(
            {"champion": 0.9, "against": 1.0}, {"leaks": ("forecast changed",)}, False, id="leaks"
        ),
        pytest.param(
            {"champion": 0.9, "against": 1.0}, {"repeats": False}, False, id="unrepeatable"
        ),
        pytest.param({}, {"ordered": False}, False, id="out of order"),
    ],
)  # fmt: skip
def test_a_candidate_is_registered_when_promoted_or_worth_a_look(make, evidence, found, registered):
    judged = replace(make.evidence(**evidence), selftest=make.sound(**found))
    assert wanted(judge(judged)) is registered


def test_a_challenger_without_rows_that_both_have_not_seen_is_worth_a_look(make):
    verdict = judge(replace(make.evidence(), champion_version=4))
    assert not verdict.promoted
    assert wanted(verdict)


def test_a_candidate_that_is_not_wanted_is_not_registered(work, candidate, client):
    judgement, version = candidate(wrong_by=9.0)
    assert not judgement.verdict.promoted
    assert version is None
    decision = decide(work.settings, work.folder, judgement, version)
    assert (decision.promoted, decision.version) == (False, None)
    with pytest.raises(MlflowException, match="not found"):
        client.get_registered_model(MODEL)
    assert read_log(work.settings.root) == []


def test_the_first_sound_candidate_becomes_champion_and_is_published(work, candidate, client):
    judgement, version = candidate()
    decision = decide(work.settings, work.folder, judgement, version)
    pointer = read_pointer(work.settings.root, MODEL)
    assert (decision.promoted, decision.version, pointer.version) == (True, 1, 1)
    assert alias_of(client, MODEL, "champion") == 1
    verify_manifest(version_folder(work.settings.root, pointer), pointer.manifest_sha256)
    [line] = read_log(work.settings.root)
    assert (line["before"], line["after"]) == (None, 1)
    assert line["why"] == judgement.verdict.sentence
    assert line["who"] == getpass.getuser()
    shown = resolve(client, f"{MODEL}@champion")
    assert shown.run_id == judgement.runs["gru"]
    assert "| persistence |" in shown.description
    assert shown.tags["data_sha256"] == work.plan.data_sha256


def test_a_better_candidate_replaces_the_champion_which_stays_as_previous(
    work, candidate, champion, client
):
    champion(wrong_by=0.5)
    judgement, version = candidate(wrong_by=0.2)
    assert decide(work.settings, work.folder, judgement, version).promoted
    assert (alias_of(client, MODEL, "champion"), alias_of(client, MODEL, "previous")) == (2, 1)
    assert read_pointer(work.settings.root, MODEL).version == 2


def test_a_worse_candidate_is_a_challenger_and_is_refused_with_both_numbers(
    work, candidate, champion, client
):
    champion(wrong_by=0.2)
    judgement, version = candidate(wrong_by=0.5)
    decision = decide(work.settings, work.folder, judgement, version)
    assert (decision.promoted, decision.version) == (False, 2)
    duel = decision.verdict.evidence.duel
    assert duel.champion.mean_mae < duel.candidate.mean_mae
    for scores in (duel.champion, duel.candidate):
        assert f"{scores.mean_mae:.4f}" in decision.verdict.sentence
    assert (alias_of(client, MODEL, "champion"), alias_of(client, MODEL, "challenger")) == (1, 2)
    assert read_pointer(work.settings.root, MODEL).version == 1


def test_under_two_pairs_of_eyes_a_retraining_only_proposes_against_the_newest_champion(
    work, candidate, champion, client
):
    strict = work.settings.model_copy(update={"two_pairs_of_eyes": True})
    judgement, version = candidate(cell="lstm")
    moved = champion(0.5)  # after the judgement: so the proposal is judged anew

    decision = decide(strict, work.folder, judgement, version)

    assert (decision.outcome, decision.promoted, decision.judged_against) == (
        "proposed", False, moved,
    )  # fmt: skip
    assert alias_of(client, MODEL, "challenger") == version
    assert alias_of(client, MODEL, "champion") == moved
    assert read_pointer(work.settings.root, MODEL).version == moved
    assert [line["after"] for line in read_log(work.settings.root)] == [moved]
    told = resolve(client, f"{MODEL}/{version}").description
    assert decision.verdict.sentence in told
    assert "Promoted: " not in told


@pytest.fixture
def refused(candidate):
    """Register a candidate that only the champion beat; returns its judgement and its version."""
    judgement, version = candidate(wrong_by=0.2, cell="lstm")
    return replace(judgement, verdict=replace(judgement.verdict, promoted=False)), version


def test_a_refused_candidate_leaves_the_alias_to_one_that_waits_for_approval(
    work, candidate, refused, client
):
    strict = work.settings.model_copy(update={"two_pairs_of_eyes": True})
    waiting = decide(strict, work.folder, *candidate())
    tag_decision(client, waiting)
    assert decide(strict, work.folder, *refused).outcome == "refused"
    assert alias_of(client, MODEL, "challenger") == waiting.version
    client.set_model_version_tag(MODEL, str(waiting.version), "review", "rejected")
    decide(strict, work.folder, *refused)
    assert alias_of(client, MODEL, "challenger") == refused[1]


def test_a_challenger_is_named_under_the_promotion_lock(work, refused, client, monkeypatch):
    monkeypatch.setattr(aliases, "LOCK_WAIT", 0.05)
    with promotion_lock(work.settings, MODEL), pytest.raises(AlreadyRunning):
        decide(work.settings, work.folder, *refused)
    assert alias_of(client, MODEL, "challenger") is None


def test_a_candidate_judged_before_the_champion_moved_is_judged_anew_and_promoted(
    work, candidate, champion
):
    judgement, version = candidate(wrong_by=0.2, cell="lstm")
    champion(wrong_by=0.5)
    decision = decide(work.settings, work.folder, judgement, version)
    assert decision.promoted
    assert decision.verdict.evidence.champion_version == 2
    assert read_log(work.settings.root)[-1]["before"] == 2


def test_a_candidate_that_loses_to_the_new_champion_is_refused(work, candidate, champion, client):
    judgement, version = candidate(wrong_by=0.5, cell="lstm")
    champion(wrong_by=0.2)
    decision = decide(work.settings, work.folder, judgement, version)
    assert not decision.promoted
    assert not decision.verdict.promoted
    assert "champion, version 2" in decision.verdict.sentence
    assert (alias_of(client, MODEL, "champion"), alias_of(client, MODEL, "challenger")) == (2, 1)


def test_a_candidate_that_became_champion_meanwhile_is_not_judged_against_itself(
    work, candidate, client
):
    judgement, version = candidate()
    client.set_registered_model_alias(MODEL, "champion", str(version))
    decision = decide(work.settings, work.folder, judgement, version)
    assert decision.promoted
    assert alias_of(client, MODEL, "challenger") is None


def test_a_champion_that_always_moves_ends_the_attempts_with_a_refusal(
    work, candidate, client, monkeypatch
):
    judgement, version = candidate()
    asked = []

    def moved(*arguments):
        asked.append(arguments)
        raise ChampionMoved("the champion has changed since the judgement")

    monkeypatch.setattr(promotion, "settle", moved)
    decision = decide(work.settings, work.folder, judgement, version)
    assert len(asked) == promotion.ATTEMPTS
    assert not decision.promoted
    assert not decision.verdict.promoted
    assert decision.verdict.sentence.startswith("Refused: the champion moved in each of 3 attempts")
    assert decision.verdict.sentence in resolve(client, f"{MODEL}/{version}").description
    assert alias_of(client, MODEL, "challenger") == version


def test_a_version_that_fails_its_smoke_test_leaves_the_champion_where_it_was(
    work, candidate, champion, client
):
    champion(wrong_by=0.5)
    judgement, version = candidate(spoiled="batch", blindly=True)
    with pytest.raises(ModelOutputInvalid):
        decide(work.settings, work.folder, judgement, version)
    assert_only_the_first_was_promoted(work, client)


def test_a_version_with_a_changed_byte_leaves_the_champion_where_it_was(
    work, candidate, champion, client
):
    champion(wrong_by=0.5)
    judgement, version = candidate(wrong_by=0.2)
    stored = client.get_model_version(MODEL, str(version)).source.rpartition("/")[2]
    [graph] = (work.settings.root / "mlflow").rglob(f"{stored}/**/model.onnx")
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    with pytest.raises(ManifestMismatch, match=r"model\.onnx"):
        decide(work.settings, work.folder, judgement, version)
    assert_only_the_first_was_promoted(work, client)


def assert_only_the_first_was_promoted(work, client):
    assert (alias_of(client, MODEL, "champion"), alias_of(client, MODEL, "previous")) == (1, None)
    assert read_pointer(work.settings.root, MODEL).version == 1
    assert len(read_log(work.settings.root)) == 1


def test_rolling_back_swaps_champion_and_previous_and_says_so(work, champion, client):
    champion(wrong_by=0.5)
    champion(wrong_by=0.2)
    pointer = roll_back(work.settings, MODEL, "the new one errs at night")
    assert pointer.version == 1
    assert read_pointer(work.settings.root, MODEL) == pointer
    assert (alias_of(client, MODEL, "champion"), alias_of(client, MODEL, "previous")) == (1, 2)
    last = read_log(work.settings.root)[-1]
    assert (last["before"], last["after"]) == (2, 1)
    assert last["why"] == "the new one errs at night"
    assert roll_back(work.settings, MODEL, "back again").version == 2


def test_rolling_back_needs_a_champion_before_the_champion(work, champion, settings):
    with pytest.raises(NoChampion):
        roll_back(settings, MODEL, "there is none")
    champion(wrong_by=0.5)
    with pytest.raises(NoChampion, match="cannot be rolled back"):
        roll_back(work.settings, MODEL, "there is one only")
    assert read_pointer(work.settings.root, MODEL).version == 1


@pytest.mark.parametrize("spoiled", ["nan", "unordered", "random", "batch"])
def test_a_graph_that_is_not_sound_fails_its_smoke_test(make, write_files, spoiled):
    smoke_test(write_files(make.graph()))
    with pytest.raises(ModelOutputInvalid) as failure:
        smoke_test(write_files(make.graph(spoiled=spoiled)))
    assert failure.value.code == "MODEL_OUTPUT_INVALID"


def test_a_graph_of_another_shape_than_its_card_fails_its_smoke_test(make, write_files):
    card = make.card(levels=(0.1, 0.5, 0.9))
    with pytest.raises(ModelOutputInvalid):
        smoke_test(write_files(make.graph(), card=card))
