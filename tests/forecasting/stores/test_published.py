import json
import shutil

import pytest

from forecasting.errors import ManifestMismatch, NoChampion
from forecasting.stores.files import NameInvalid, sha256
from forecasting.stores.published import (
    CARD,
    GRAPH,
    MANIFEST,
    manifest_of,
    pointer_path,
    publish,
    published_models,
    read_card,
    read_pointer,
    verify_manifest,
    version_folder,
    withdraw,
    write_manifest,
)


@pytest.fixture
def publish_one(tmp_path):
    def act(files, version=1):
        return publish(tmp_path / "home", files, version=version, alias="champion", run_id="run-1")

    return act


def test_a_manifest_names_every_file_but_itself_and_what_mlflow_writes_anew(files_of):
    files = files_of()
    (files / "registered_model_meta").write_text("changes at every download")

    assert set(manifest_of(files)) == {GRAPH, CARD}
    verify_manifest(files)


def test_a_flipped_bit_is_refused_with_both_sums(files_of, flip_bit):
    files = files_of()
    before = sha256(files / GRAPH)

    flip_bit(files / GRAPH)

    after = sha256(files / GRAPH)
    with pytest.raises(ManifestMismatch, match=f"model.onnx; expected {before}; found {after}"):
        verify_manifest(files)


def test_a_missing_file_and_an_extra_one_are_refused(files_of):
    missing, extra = files_of("missing"), files_of("extra")
    (missing / GRAPH).unlink()
    (extra / "code").mkdir()
    (extra / "code" / "run.py").write_text("import os")

    with pytest.raises(ManifestMismatch, match=r"model\.onnx; expected \w{64}; found no such file"):
        verify_manifest(missing)
    with pytest.raises(ManifestMismatch, match=r"code/run\.py; expected no such file"):
        verify_manifest(extra)


def test_files_without_a_manifest_are_refused(files_of):
    files = files_of()
    (files / MANIFEST).unlink()

    with pytest.raises(ManifestMismatch, match="the manifest is missing"):
        verify_manifest(files)


def test_another_manifest_than_the_one_expected_is_refused_with_both_sums(files_of):
    files = files_of()
    expected = sha256(files / MANIFEST)
    (files / "more").write_text("more")
    found = write_manifest(files)

    verify_manifest(files, found)
    with pytest.raises(ManifestMismatch, match=f"expected {expected}; found {found}"):
        verify_manifest(files, expected)


@pytest.mark.parametrize("content", ["{", "[]", "null", "\x00"])
def test_a_manifest_that_is_no_manifest_is_refused(files_of, content):
    files = files_of()
    (files / MANIFEST).write_text(content)

    with pytest.raises(ManifestMismatch, match="the manifest is"):
        verify_manifest(files)


def test_a_published_version_is_found_through_its_pointer(tmp_path, files_of, publish_one, card_of):
    files = files_of()

    pointer = publish_one(files, version=3)

    assert read_pointer(tmp_path / "home", "climate-oslo") == pointer
    folder = version_folder(tmp_path / "home", pointer)
    verify_manifest(folder, pointer.manifest_sha256)
    assert read_card(folder) == card_of()
    assert (folder / GRAPH).read_bytes() == (files / GRAPH).read_bytes()
    assert published_models(tmp_path / "home") == ["climate-oslo"]


def test_files_that_do_not_match_are_not_published_and_the_old_pointer_stays(
    tmp_path, files_of, publish_one, flip_bit
):
    pointer = publish_one(files_of("good"), version=1)
    bad = files_of("bad")
    flip_bit(bad / GRAPH)

    with pytest.raises(ManifestMismatch):
        publish_one(bad, version=2)

    assert read_pointer(tmp_path / "home", "climate-oslo") == pointer
    assert len(list(pointer_path(tmp_path / "home", "climate-oslo").parent.iterdir())) == 2


def test_the_pointer_is_written_only_when_its_files_are_in_place(
    tmp_path, files_of, publish_one, monkeypatch
):
    def full(*_, **__):
        raise OSError("no space left")

    first = publish_one(files_of("first"), version=1)
    monkeypatch.setattr(shutil, "copytree", full)

    with pytest.raises(OSError, match="no space left"):
        publish_one(files_of("second", run_id="run-2"), version=2)

    home = pointer_path(tmp_path / "home", "climate-oslo").parent
    assert read_pointer(tmp_path / "home", "climate-oslo") == first
    assert sorted(path.name for path in home.iterdir()) == [first.folder, "champion.json"]


def test_publishing_again_mends_files_that_the_disk_has_spoilt(
    tmp_path, files_of, publish_one, flip_bit
):
    files = files_of()
    folder = version_folder(tmp_path / "home", publish_one(files))
    flip_bit(folder / GRAPH)

    pointer = publish_one(files)

    verify_manifest(folder, pointer.manifest_sha256)


def test_publishing_again_leaves_whole_files_where_they_are(tmp_path, files_of, publish_one):
    files = files_of()
    folder = version_folder(tmp_path / "home", publish_one(files))
    before = folder.stat().st_ino

    publish_one(files)

    assert folder.stat().st_ino == before


def test_a_model_without_a_champion_is_refused(tmp_path):
    with pytest.raises(NoChampion, match="climate-oslo has no champion"):
        read_pointer(tmp_path, "climate-oslo")


def test_a_withdrawn_champion_is_gone_and_its_files_stay(tmp_path, files_of, publish_one):
    pointer = publish_one(files_of())

    withdraw(tmp_path / "home", "climate-oslo")
    withdraw(tmp_path / "home", "climate-oslo")

    with pytest.raises(NoChampion):
        read_pointer(tmp_path / "home", "climate-oslo")
    assert version_folder(tmp_path / "home", pointer).is_dir()


def test_a_name_that_would_leave_the_folder_is_refused(tmp_path):
    with pytest.raises(NameInvalid):
        read_pointer(tmp_path, "../climate-oslo")


def test_a_pointer_holds_what_a_reader_needs_to_verify_it(tmp_path, files_of, publish_one):
    publish_one(files_of(), version=3)

    content = json.loads(pointer_path(tmp_path / "home", "climate-oslo").read_bytes())

    assert set(content) == {"model", "version", "alias", "run_id", "folder", "manifest_sha256"}
    assert content["folder"] == f"3-{content['manifest_sha256'][:12]}"


def test_a_card_older_than_the_skill_horizon_reads_as_not_knowing_it(files_of):
    files = files_of(skill_horizon=3)
    assert read_card(files).skill_horizon == 3
    content = json.loads((files / CARD).read_bytes())
    del content["skill_horizon"]
    (files / CARD).write_text(json.dumps(content))

    assert read_card(files).skill_horizon is None
