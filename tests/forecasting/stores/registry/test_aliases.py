"""Promotion, rollback and healing: the alias, the pointer and the log always agree."""

import pytest
from filelock import FileLock

from forecasting.errors import AlreadyRunning, ManifestMismatch, ModelInvalid, NoChampion
from forecasting.stores.published import (
    GRAPH,
    pointer_path,
    read_pointer,
    verify_manifest,
    version_folder,
    withdraw,
)
from forecasting.stores.registry import aliases
from forecasting.stores.registry.aliases import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    ChampionMoved,
    Move,
    alias_of,
    heal,
    previous_champion,
    promotion_lock,
    read_log,
    record,
    set_challenger,
)

MODEL = "climate-oslo"


def published(registry):
    return read_pointer(registry.settings.root, MODEL).version


def test_the_first_champion_is_published_and_logged(registry):
    version = registry.add()

    pointer = registry.promote(version)

    assert registry.champion() == published(registry) == pointer.version == 1
    assert pointer.run_id == registry.run_id
    folder = version_folder(registry.settings.root, pointer)
    verify_manifest(folder, pointer.manifest_sha256)
    assert (folder / GRAPH).read_bytes() == registry.graph.read_bytes()
    (line,) = read_log(registry.settings.root)
    assert (line["before"], line["after"], line["who"], line["why"]) == (None, 1, "test", "better")


def test_the_earlier_champion_stays_as_previous(registry):
    registry.promote(registry.add())

    registry.promote(registry.add(), judged_against=1)

    assert previous_champion(registry.client, MODEL) == (2, 1)
    assert published(registry) == 2


def test_a_challenger_that_is_promoted_is_no_challenger_any_more(registry):
    registry.promote(registry.add())
    set_challenger(registry.client, MODEL, registry.add())

    registry.promote(2, judged_against=1)

    assert alias_of(registry.client, MODEL, CHALLENGER) is None


def test_another_versions_challenger_stays(registry):
    registry.add()
    set_challenger(registry.client, MODEL, registry.add())

    registry.promote(1)

    assert alias_of(registry.client, MODEL, CHALLENGER) == 2


def test_a_candidate_that_was_judged_against_another_champion_is_refused(registry):
    for _ in range(3):
        registry.add()
    registry.promote(1)
    registry.promote(2, judged_against=1)

    with pytest.raises(ChampionMoved, match="expected version 1; found version 2"):
        registry.promote(3, judged_against=1)

    assert registry.champion() == published(registry) == 2
    assert len(read_log(registry.settings.root)) == 2


def test_a_candidate_judged_against_nobody_is_refused_where_there_is_a_champion(registry):
    registry.promote(registry.add())

    with pytest.raises(ChampionMoved, match="expected version None; found version 1"):
        registry.promote(registry.add())


def test_a_version_whose_files_are_spoilt_is_not_promoted(registry, flip_bit):
    registry.promote(registry.add())
    second = registry.add()
    flip_bit(registry.artifacts(second) / GRAPH)

    with pytest.raises(ManifestMismatch):
        registry.promote(second, judged_against=1)

    assert registry.champion() == published(registry) == 1
    assert alias_of(registry.client, MODEL, PREVIOUS) is None


def test_a_check_that_refuses_the_files_keeps_the_champion(registry):
    registry.promote(registry.add())

    def refuse(files):
        assert (files / GRAPH).is_file()
        raise ModelInvalid("does not answer")

    with pytest.raises(ModelInvalid):
        registry.promote(registry.add(), judged_against=1, check=refuse)

    assert registry.champion() == published(registry) == 1


def test_rolling_back_is_a_promotion_of_the_previous_one(registry):
    registry.promote(registry.add())
    registry.promote(registry.add(), judged_against=1)
    champion, previous = previous_champion(registry.client, MODEL)

    registry.promote(previous, judged_against=champion)

    assert registry.champion() == published(registry) == 1
    assert previous_champion(registry.client, MODEL) == (1, 2)


def test_a_rollback_without_an_earlier_champion_is_refused(registry):
    registry.promote(registry.add())

    with pytest.raises(NoChampion, match="found champion 1, previous None"):
        previous_champion(registry.client, MODEL)


def test_a_model_that_is_not_registered_has_no_alias(registry):
    assert alias_of(registry.client, "climate-nowhere", CHAMPION) is None


def test_each_line_of_the_log_carries_the_digest_of_the_one_before(registry, assert_chained):
    for version in (registry.add(), registry.add(), registry.add()):
        registry.promote(version, judged_against=version - 1 or None)

    log = read_log(registry.settings.root)

    assert [(line["before"], line["after"]) for line in log] == [(None, 1), (1, 2), (2, 3)]
    assert_chained(registry.settings.root)


def test_a_changed_line_breaks_the_chain(registry, assert_chained):
    for version in (registry.add(), registry.add()):
        registry.promote(version, judged_against=version - 1 or None)
    path = registry.settings.root / "promotions.jsonl"
    path.write_text(path.read_text().replace("better", "bitter", 1))

    with pytest.raises(AssertionError):
        assert_chained(registry.settings.root)


def test_a_line_that_a_killed_process_left_is_closed_and_left_out(tmp_path, assert_chained):
    move = Move(model=MODEL, version=1, judged_against=None, who="test", why="better")
    record(tmp_path, move, before=None)
    with (tmp_path / "promotions.jsonl").open("a") as file:
        file.write('{"after": 2, "be')

    record(tmp_path, move, before=1)

    assert [line["before"] for line in read_log(tmp_path)] == [None, 1]
    assert_chained(tmp_path)


def test_nothing_promoted_is_an_empty_log(tmp_path):
    assert read_log(tmp_path) == []


def test_a_promotion_cut_off_before_its_pointer_is_mended(registry, monkeypatch):
    registry.promote(registry.add())

    class Killed(BaseException):
        pass

    def kill(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(aliases, "_publish", kill)
        with pytest.raises(Killed):
            registry.promote(registry.add(), judged_against=1)
    assert (registry.champion(), published(registry)) == (2, 1)
    assert read_log(registry.settings.root)[-1]["after"] == 2

    pointer = heal(registry.client, registry.settings, MODEL)

    assert pointer.version == published(registry) == 2
    assert [(line["after"], line["who"]) for line in read_log(registry.settings.root)] == [
        (1, "test"),
        (2, "test"),
    ]


def test_an_alias_set_in_the_ui_is_followed(registry):
    registry.promote(registry.add())
    registry.add()
    registry.client.set_registered_model_alias(MODEL, CHAMPION, "2")

    assert heal(registry.client, registry.settings, MODEL).version == 2

    assert published(registry) == 2
    last = read_log(registry.settings.root)[-1]
    assert (last["before"], last["after"]) == (1, 2)


def test_where_pointer_and_alias_agree_nothing_is_done(registry):
    registry.promote(registry.add())

    assert heal(registry.client, registry.settings, MODEL) is None
    assert len(read_log(registry.settings.root)) == 1


def test_an_alias_that_is_gone_leaves_the_last_known_good(registry):
    registry.promote(registry.add())
    registry.client.delete_registered_model_alias(MODEL, CHAMPION)

    assert heal(registry.client, registry.settings, MODEL) is None

    assert published(registry) == 1


def test_an_alias_on_a_spoilt_version_leaves_the_last_known_good(registry, flip_bit):
    registry.promote(registry.add())
    flip_bit(registry.artifacts(registry.add()) / GRAPH)
    registry.client.set_registered_model_alias(MODEL, CHAMPION, "2")

    with pytest.raises(ManifestMismatch):
        heal(registry.client, registry.settings, MODEL)

    assert published(registry) == 1


def test_a_lost_pointer_is_written_again(registry):
    registry.promote(registry.add())
    withdraw(registry.settings.root, MODEL)

    assert heal(registry.client, registry.settings, MODEL).version == 1

    assert pointer_path(registry.settings.root, MODEL).is_file()


def test_published_files_that_the_disk_has_spoilt_are_written_again(registry, flip_bit):
    pointer = registry.promote(registry.add())
    folder = version_folder(registry.settings.root, pointer)
    flip_bit(folder / GRAPH)

    heal(registry.client, registry.settings, MODEL)

    verify_manifest(folder, pointer.manifest_sha256)


def test_a_second_promotion_waits_for_the_first_and_gives_up_with_a_code(registry, monkeypatch):
    monkeypatch.setattr(aliases, "LOCK_WAIT", 0.05)
    version = registry.add()
    folder = registry.settings.root / "locks"
    folder.mkdir()

    with (
        FileLock(folder / f"promote-{MODEL}.lock"),
        pytest.raises(AlreadyRunning, match=f"another promotion of {MODEL} is running"),
    ):
        registry.promote(version)

    assert registry.champion() is None


def test_promotions_of_different_models_do_not_wait_for_each_other(registry, monkeypatch):
    monkeypatch.setattr(aliases, "LOCK_WAIT", 0.05)
    version = registry.add("climate-bergen")

    with promotion_lock(registry.settings, MODEL):
        registry.promote(version, model="climate-bergen")

    assert registry.champion("climate-bergen") == version
