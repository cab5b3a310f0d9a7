import errno
import json
import shutil
import sqlite3
from contextlib import closing

import pytest
from filelock import FileLock

from forecasting.errors import AlreadyRunning, ManifestMismatch, StorageFailed
from forecasting.settings import Settings
from forecasting.stores.published import read_pointer, verify_manifest, version_folder
from forecasting.stores.registry.aliases import Move, alias_of, promote
from forecasting.stores.registry.versions import connect, fetch
from pipelines.commands import backup as verbs
from pipelines.operations import backup
from pipelines.operations.backup import CONTENTS, BackupRefused, back_up, restore

MODEL = "climate-oslo"


@pytest.fixture
def home(known, version):
    """A home with a champion."""
    client = connect(known.settings)
    first = version().version
    move = Move(model=MODEL, version=first, judged_against=None, who="ola", why="the first")
    promote(client, known.settings, move)
    return known.settings


@pytest.fixture
def copy(home, tmp_path):
    back_up(home, tmp_path / "copy")
    return tmp_path / "copy"


def test_a_champion_is_the_same_after_a_restore_at_another_place(home, copy, tmp_path):
    before = read_pointer(home.root, MODEL)
    shutil.rmtree(home.root)
    elsewhere = Settings(home=tmp_path / "other place")
    done = restore(elsewhere, copy)
    assert done.files == len(json.loads((copy / CONTENTS).read_text())["files"])
    assert read_pointer(elsewhere.root, MODEL) == before
    verify_manifest(version_folder(elsewhere.root, before), before.manifest_sha256)
    client = connect(elsewhere)
    assert alias_of(client, MODEL, "champion") == before.version
    (tmp_path / "fetched").mkdir()
    fetch(client, MODEL, before.version, tmp_path / "fetched")


def test_after_a_restore_the_next_version_is_registered_there_and_nothing_names_the_old_place(
    home, copy, tmp_path
):
    elsewhere = Settings(home=tmp_path / "elsewhere")
    restore(elsewhere, copy)
    with closing(sqlite3.connect(elsewhere.root / "mlflow" / "mlflow.db")) as store:
        for table, column in backup.PLACES:
            asked = store.execute(f"SELECT {column} FROM {table}")  # noqa: S608 - our own words
            rows = [row[0] or "" for row in asked]
            assert not any(str(home.root) + "/" in value for value in rows)
    client = connect(elsewhere)
    run = client.create_run(client.get_experiment_by_name(MODEL).experiment_id)
    client.log_text(run.info.run_id, "new", "note.txt")
    assert list(elsewhere.root.rglob("note.txt"))
    assert not list(home.root.rglob("note.txt"))


def test_a_restore_at_the_same_place_is_byte_for_byte_the_same(home, copy):
    pointer = (home.root / "published" / MODEL / "champion.json").read_bytes()
    shutil.rmtree(home.root)
    restore(home, copy)
    assert (home.root / "published" / MODEL / "champion.json").read_bytes() == pointer
    database = home.root / "mlflow" / "mlflow.db"
    assert database.read_bytes() == (copy / "mlflow" / "mlflow.db").read_bytes()


@pytest.mark.parametrize("harm", ["changed", "missing", "extra"])
def test_a_backup_that_is_not_whole_is_refused_and_leaves_no_home(copy, tmp_path, harm):
    victim = next(copy.rglob("model.onnx"))
    if harm == "changed":
        content = bytearray(victim.read_bytes())
        content[len(content) // 2] ^= 1
        victim.write_bytes(bytes(content))
    elif harm == "missing":
        victim.unlink()
    else:
        (copy / "published" / "more").write_text("more")
    with pytest.raises(ManifestMismatch, match="the backup is not whole"):
        restore(Settings(home=tmp_path / "elsewhere"), copy)
    assert not (tmp_path / "elsewhere").exists()
    assert not list(tmp_path.glob(".tmp-*"))


def test_a_home_that_holds_anything_is_not_restored_into(home, copy):
    with pytest.raises(BackupRefused, match="is not empty") as refusal:
        restore(home, copy)
    assert refusal.value.code == "BACKUP_REFUSED"


def test_a_folder_that_holds_anything_is_not_backed_up_into(home, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    with pytest.raises(BackupRefused, match="full is not empty"):
        back_up(home, tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]


@pytest.mark.parametrize("content", [None, "{", "[]", '{"form": 99, "files": {}}'])
def test_what_is_no_backup_is_refused(tmp_path, content):
    (tmp_path / "copy").mkdir()
    if content is not None:
        (tmp_path / "copy" / CONTENTS).write_text(content)
    with pytest.raises(BackupRefused):
        restore(Settings(home=tmp_path / "elsewhere"), tmp_path / "copy")


def test_a_tracking_server_is_not_claimed_to_be_backed_up(tmp_path):
    settings = Settings(home=tmp_path / "home", tracking_uri="postgresql://user:word@db/mlflow")
    with pytest.raises(BackupRefused, match="not in the home folder") as refusal:
        back_up(settings, tmp_path / "copy")
    assert refusal.value.found == "postgresql"


def test_a_backup_waits_for_a_promotion_and_gives_up_in_time(home, tmp_path, monkeypatch):
    monkeypatch.setattr(backup, "LOCK_WAIT", 0.05)
    with (
        FileLock(home.root / "locks" / f"promote-{MODEL}.lock"),
        pytest.raises(AlreadyRunning, match="a promotion is under way"),
    ):
        back_up(home, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    back_up(home, tmp_path / "copy")


def test_locks_caches_and_temporary_files_stay_behind(home, tmp_path):
    (home.root / "published" / ".tmp-half").mkdir()
    (home.root / "published" / ".tmp-half" / "model.onnx").write_bytes(b"half")
    (home.root / "cache").mkdir()
    (home.root / "cache" / "figure").write_bytes(b"x")
    back_up(home, tmp_path / "copy")
    names = {str(path.relative_to(tmp_path / "copy")) for path in (tmp_path / "copy").rglob("*")}
    assert not any(".tmp-" in name or name.startswith(("cache", "locks")) for name in names)
    assert "mlflow/mlflow.db" in names
    assert not any(name.endswith(("-wal", ".lock")) for name in names)


FULL = OSError(errno.ENOSPC, "No space left on device")
DATABASE_FULL = sqlite3.OperationalError("database or disk is full")


def refuse(error):
    def raise_it(*_):
        raise error

    return raise_it


@pytest.mark.parametrize(
    ("step", "error", "found"),
    [
        ("_copy_file", FULL, "No space left on device"),
        ("_copy_database", DATABASE_FULL, "database or disk is full"),
        ("_put", OSError(errno.EROFS, "Read-only file system"), "Read-only file system"),
    ],
)
def test_a_disk_that_refuses_a_backup_is_told_and_leaves_nothing(
    home, tmp_path, monkeypatch, step, error, found
):
    monkeypatch.setattr(backup, step, refuse(error))
    with pytest.raises(StorageFailed, match="the backup could not be written") as refusal:
        back_up(home, tmp_path / "copy")
    assert refusal.value.found == found
    assert not list(tmp_path.glob(".tmp-*"))
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(("step", "error"), [("_put", FULL), ("_move_addresses", DATABASE_FULL)])
def test_a_disk_that_refuses_a_restore_is_told_and_leaves_no_home(
    copy, tmp_path, monkeypatch, step, error
):
    monkeypatch.setattr(backup, step, refuse(error))
    with pytest.raises(StorageFailed, match="the restored home could not be written"):
        restore(Settings(home=tmp_path / "elsewhere"), copy)
    assert not list(tmp_path.glob(".tmp-*"))
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_that_is_pruned_between_listing_and_copying_is_left_out(home, tmp_path, monkeypatch):
    (home.root / "raw").mkdir(exist_ok=True)
    (home.root / "raw" / "old").write_bytes(b"old")
    copied = backup.shutil.copy2

    def prune_first(source, target):
        if source.name == "old":
            source.unlink()
        return copied(source, target)

    monkeypatch.setattr(backup.shutil, "copy2", prune_first)
    back_up(home, tmp_path / "copy")
    named = json.loads((tmp_path / "copy" / CONTENTS).read_text())["files"]
    assert "raw/old" not in named
    assert "mlflow/mlflow.db" in named


def test_what_surveys_have_written_comes_along(home, tmp_path):
    forecasts = "surveys/coast/forecasts/station=oslo/part.parquet"
    (home.root / forecasts).parent.mkdir(parents=True)
    (home.root / forecasts).write_bytes(b"forecasts")
    back_up(home, tmp_path / "copy")
    assert (tmp_path / "copy" / forecasts).read_bytes() == b"forecasts"


def test_a_home_below_a_folder_of_any_name_is_backed_up(home, tmp_path):
    below = tmp_path / ".tmp-mine" / "home"
    shutil.copytree(home.root, below)
    back_up(Settings(home=below), tmp_path / "copy")
    assert list((tmp_path / "copy" / "published").rglob("model.onnx"))


def test_the_verbs_tell_programs_and_people(home, tmp_path, capsys):
    verbs.backup(tmp_path / "copy", json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["place"] == str(tmp_path / "copy")
    shutil.rmtree(home.root)
    verbs.restore(tmp_path / "copy")
    assert f"restored: {told['files']} files" in capsys.readouterr().out
