import json
from pathlib import Path

import pytest

from forecasting.errors import ModelOutputInvalid, PromotionRefused
from forecasting.stores.decisions import read_decisions
from forecasting.stores.published import read_pointer
from forecasting.stores.registry.aliases import (
    ChampionMoved,
    alias_of,
    promote,
    read_log,
    set_challenger,
)
from forecasting.stores.registry.versions import connect, resolve
from pipelines import reviewing
from pipelines.outcomes import REJECTED, IsRejected
from pipelines.promotion import roll_back
from pipelines.recording import logged_verdict
from pipelines.regating import promote_again
from pipelines.reviewing import (
    APPROVED,
    GateRefused,
    IsChampion,
    Review,
    VerdictMissing,
    approve,
    reject,
)

MODEL = "climate-oslo"


@pytest.fixture
def client(settings):
    return connect(settings)


@pytest.fixture
def strict(known):
    """The home of Oslo, where two pairs of eyes are asked for."""
    return known.settings.model_copy(update={"two_pairs_of_eyes": True})


@pytest.fixture
def gate(client, tmp_path):
    """Run the whole gate on a version, under the settings given."""
    return lambda settings, version: promote_again(settings, client, version, tmp_path / "scratch")


@pytest.fixture
def proposed(strict, version, gate, client):
    """Let the gate propose a hand-made graph; returns the version as it is then."""

    def propose(wrong_by=0.0):
        registered = version(wrong_by=wrong_by)
        assert gate(strict, registered)["proposed"] is True
        return resolve(client, registered.name)

    return propose


@pytest.fixture
def yes(strict, client):
    """Approve a version in Ada's name."""
    return lambda version: approve(strict, client, version, review(APPROVED))


@pytest.fixture
def no(strict, client):
    """Reject a version in Ada's name."""
    return lambda version: reject(strict, client, version, review(REJECTED))


def review(state, who="Ada *Lovelace*", why="Compared with the record of 1838"):
    return Review.now(state, who, why)


def test_what_passes_is_only_proposed_under_the_rule_and_seen_in_the_registry_itself(
    strict, proposed, client
):
    one = proposed()

    assert one.aliases == ("challenger",)
    assert alias_of(client, MODEL, "champion") is None
    assert read_log(strict.root) == []
    [kept] = read_decisions(strict.root, MODEL)
    assert (kept.outcome, kept.promoted, kept.version) == ("proposed", False, 1)
    assert kept.sentence.startswith("Proposed: mean MAE 0.5")
    assert kept.sentence.endswith("It waits for `gatecast models approve climate-oslo/1`.")

    entry = client.get_model_version_by_alias(MODEL, "challenger")
    assert entry.tags.items() >= {
        "proposed": "true", "promoted": "false", "review": "proposed", "judged_against": "none",
    }.items()  # fmt: skip
    assert logged_verdict(client, one.run_id)["sentence"] == entry.tags["verdict"]


def test_an_approval_promotes_with_the_name_in_every_log_and_in_the_registry_itself(
    strict, proposed, yes, gate, client, tmp_path
):
    one = proposed()
    pointer = yes(one)

    assert (pointer.version, read_pointer(strict.root, MODEL)) == (1, pointer)
    [line] = read_log(strict.root)
    assert (line["before"], line["after"], line["who"]) == (None, 1, "Ada *Lovelace*")
    assert line["why"].startswith(
        "Approved by Ada *Lovelace*: Compared with the record of 1838. mean MAE 0.5"
    )
    approved, _ = read_decisions(strict.root, MODEL)
    assert (approved.outcome, approved.promoted, approved.who) == ("approved", True, line["who"])
    assert approved.sentence == line["why"]

    entry = client.get_model_version_by_alias(MODEL, "champion")
    assert entry.tags.items() >= {
        "promoted": "true", "proposed": "false", "review": "approved",
        "approved_by": "Ada *Lovelace*", "approved_why": "Compared with the record of 1838",
    }.items()  # fmt: skip
    assert entry.tags["approved_at"].endswith("+00:00")
    assert "It waits for" not in entry.tags["verdict"]
    assert entry.description.startswith("# Review\n\n- ")
    assert "Approved by Ada \\*Lovelace\\*: Compared with" in entry.description
    assert entry.description.endswith("# Oslo's own")
    assert client.get_run(one.run_id).data.tags["approved_by"] == "Ada *Lovelace*"
    path = client.download_artifacts(one.run_id, "review/1-approved.json", str(tmp_path))
    kept = json.loads(Path(path).read_bytes())
    assert (kept["version"], kept["who"], kept["state"]) == (one.name, "Ada *Lovelace*", "approved")
    assert alias_of(client, MODEL, "challenger") is None
    assert gate(strict, one)["promoted"] is True  # the champion stays champion under the rule
    assert alias_of(client, MODEL, "challenger") is None


def test_a_challenger_that_was_proposed_is_approved_when_the_rule_is_given_up(
    known, proposed, client
):
    assert approve(known.settings, client, proposed(), review(APPROVED)).version == 1


def test_a_version_that_the_gate_refused_is_not_approved_and_both_numbers_are_said(
    strict, proposed, yes, version, gate, client
):
    yes(proposed(0.2))
    worse = version(wrong_by=0.5)
    assert gate(strict, worse)["promoted"] is False

    with pytest.raises(GateRefused, match="not better than champion, version 1") as refusal:
        yes(resolve(client, worse.name))
    assert refusal.value.code == "GATE_REFUSED"
    assert "mean MAE below 0.6" in refusal.value.expected
    assert "0.9" in refusal.value.found
    assert alias_of(client, MODEL, "champion") == 1


def test_a_version_that_was_outrun_is_not_approved(proposed, yes, client):
    one = proposed()
    kept = logged_verdict(client, one.run_id)
    client.log_dict(one.run_id, kept | {"promoted": False, "sentence": "outrun"}, "verdict.json")

    with pytest.raises(GateRefused, match="found outrun"):
        yes(one)


def test_a_version_that_the_gate_never_judged_is_not_approved(version, yes, client):
    one = version()
    set_challenger(client, MODEL, 1)

    with pytest.raises(VerdictMissing, match="gatecast models promote climate-oslo/1"):
        yes(one)
    assert alias_of(client, MODEL, "champion") is None


def test_the_champion_is_neither_approved_nor_rejected(proposed, yes, no, client):
    one = proposed()
    yes(one)

    for say in (yes, no):
        with pytest.raises(IsChampion):
            say(one)
    assert alias_of(client, MODEL, "champion") == 1


def test_an_approval_is_refused_where_the_champion_is_another_than_at_the_judgement(
    proposed, yes, client
):
    late, better = proposed(0.3), proposed(0.2)
    yes(better)

    with pytest.raises(ChampionMoved) as refusal:
        yes(late)
    assert (refusal.value.expected, refusal.value.found) == ("version None", "version 2")
    assert alias_of(client, MODEL, "champion") == 2


def test_without_its_tag_a_version_counts_as_judged_against_the_evidences_champion(
    proposed, yes, client
):
    yes(proposed(0.2))
    better = proposed()
    client.delete_model_version_tag(MODEL, "2", "judged_against")

    assert yes(resolve(client, better.name)).version == 2


def test_a_version_whose_files_fail_their_smoke_test_is_not_approved(
    proposed, yes, client, monkeypatch
):
    def fails(_files):
        raise ModelOutputInvalid("not finite")

    one = proposed()
    monkeypatch.setattr(reviewing, "smoke_test", fails)
    with pytest.raises(ModelOutputInvalid):
        yes(one)
    assert alias_of(client, MODEL, "champion") is None


def test_a_model_that_is_never_promoted_is_not_approved_either(version, yes, client, proposed):
    verdict = logged_verdict(client, proposed().run_id)
    stray = version(model="climate-oslo-lecture")
    client.log_dict(stray.run_id, verdict, "verdict.json")

    with pytest.raises(PromotionRefused, match="never promoted"):
        yes(stray)


def test_a_rejection_takes_the_alias_and_says_why_in_the_registry_itself(
    strict, proposed, no, client
):
    one = proposed()
    no(one)

    entry = client.get_model_version(MODEL, "1")
    assert alias_of(client, MODEL, "challenger") is None
    assert entry.tags.items() >= {
        "review": "rejected", "proposed": "false", "promoted": "false",
        "rejected_by": "Ada *Lovelace*", "rejected_why": "Compared with the record of 1838",
    }.items()  # fmt: skip
    assert "Rejected by Ada" in entry.description
    folder = {file.path for file in client.list_artifacts(one.run_id, "review")}
    assert folder == {"review/1-rejected.json"}
    rejected, _ = read_decisions(strict.root, MODEL)
    assert (rejected.outcome, rejected.promoted) == ("rejected", False)
    assert read_log(strict.root) == []


def test_a_rejection_leaves_another_challengers_alias_where_it_is(proposed, no, client):
    older, _newer = proposed(0.2), proposed()
    no(older)

    assert alias_of(client, MODEL, "challenger") == 2


def test_a_rejected_version_needs_the_gate_again_before_it_is_approved(
    strict, proposed, yes, no, gate, client
):
    one = proposed()
    no(one)
    rejected = resolve(client, one.name)

    for say in (yes, no):
        with pytest.raises(IsRejected, match="rejected by Ada"):
            say(rejected)
    gate(strict, rejected)
    assert yes(resolve(client, one.name)).version == 1


def test_rolling_back_needs_no_approval(strict, proposed, yes):
    for wrong_by in (0.5, 0.0):
        yes(proposed(wrong_by))
    assert roll_back(strict, MODEL, "by hand").version == 1


def test_a_promotion_by_the_gate_replaces_what_a_reviewer_said(known, proposed, no, gate, client):
    one = proposed()
    no(one)

    assert gate(known.settings, resolve(client, one.name))["promoted"] is True
    assert client.get_model_version(MODEL, "1").tags["review"] == "promoted"


def test_a_promotion_of_another_version_in_between_is_seen_under_the_lock(
    strict, proposed, client, monkeypatch
):
    one = proposed()
    seen = []

    def late(client, settings, move, check):
        monkeypatch.undo()
        seen.append(move.version)
        reject(strict, client, one, review(REJECTED))
        return promote(client, settings, move, check)

    monkeypatch.setattr(reviewing, "promote", late)
    with pytest.raises(IsRejected):
        approve(strict, client, one, review(APPROVED))
    assert seen == [1]
    assert alias_of(client, MODEL, "champion") is None
