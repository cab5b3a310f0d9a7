import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus

from forecasting.stores.liveness import SILENCE, Process, is_gone
from forecasting.stores.registry import pages
from forecasting.stores.registry.aliases import set_challenger
from forecasting.stores.registry.versions import connect, fetch, list_versions
from pipelines import tracking
from pipelines.operations import reaping
from pipelines.operations.reaping import (
    LEFT_OVER,
    local_path,
    logged_id,
    reap_files,
    reap_tracking,
)
from pipelines.operations.reaping_flows import Reaped
from pipelines.tracking import PROCESS

MODEL = "climate-oslo"


@pytest.fixture
def client(settings):
    return connect(settings)


@pytest.fixture
def dead():
    """A process of this machine that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return replace(Process.own(), pid=ended.pid, started="1")


@pytest.fixture
def start(client, settings):
    """Open a run as a process does; returns its id."""

    def begin(process=None):
        experiment = tracking.experiment_of(client, settings, MODEL)
        run = tracking.start_run(client, experiment, "retrain oslo quick")
        if process is not None:
            client.set_tag(run, PROCESS, process.name)
        return run

    return begin


def reap(settings, *, thorough=True, **options):
    reaped = Reaped()
    reap_tracking(settings, reaped, thorough=thorough, **options)
    return reaped


def status(client, run):
    return client.get_run(run).info.status


def test_the_runs_of_a_dead_process_are_closed_and_those_of_a_living_one_are_not(
    settings, client, start, dead
):
    orphan, own = start(dead), start()
    assert reap(settings, dry_run=True).tracking_runs == [orphan]
    assert status(client, orphan) == "RUNNING"
    assert reap(settings).tracking_runs == [orphan]
    assert (status(client, orphan), status(client, own)) == ("KILLED", "RUNNING")
    assert client.get_run(orphan).data.tags["error"].startswith("the process ended")
    assert reap(settings) == Reaped()


def test_a_run_that_names_no_process_is_left_alone(settings, client, start):
    run = start()
    client.set_tag(run, PROCESS, "somebody")
    assert reap(settings) == Reaped()
    assert status(client, run) == "RUNNING"


def test_another_machines_process_is_given_two_heartbeats_and_a_minute(tmp_path, dead):
    away = replace(dead, host="elsewhere")
    assert not is_gone(tmp_path, away, time.time() - SILENCE + 30)
    assert is_gone(tmp_path, away, time.time() - SILENCE - 1)


def make_logged(client, run, *, status):
    experiment = client.get_run(run).info.experiment_id
    logged = client.create_logged_model(experiment, name="gru", source_run_id=run)
    if status == LoggedModelStatus.READY:
        client.finalize_logged_model(logged.model_id, "READY")
    return logged.model_id


def test_the_files_of_registered_versions_stay_whatever_became_of_their_runs(
    settings, client, version, dead
):
    kept = [version(), version()]
    client.set_tag(kept[0].run_id, PROCESS, dead.name)
    client.set_terminated(kept[1].run_id, "FINISHED")
    reaped = reap(settings)
    assert (reaped.logged_models, reaped.versions) == ([], [])
    assert reaped.tracking_runs == [kept[0].run_id]
    for each in kept:
        folder = settings.root / "fetched" / str(each.version)
        folder.mkdir(parents=True)
        fetch(client, MODEL, each.version, folder)


def test_registered_versions_beyond_a_page_of_the_registry_keep_their_files(
    settings, client, version, monkeypatch
):
    monkeypatch.setattr(pages, "PAGE", 1)
    kept = [version(model=f"climate-s{place}", station=f"s{place}") for place in range(3)]
    for each in kept:
        client.set_terminated(each.run_id, "FINISHED")

    assert reap(settings).logged_models == []
    for each in kept:
        folder = settings.root / "fetched" / each.model
        folder.mkdir(parents=True)
        fetch(client, each.model, each.version, folder)


@pytest.mark.parametrize("state", [LoggedModelStatus.PENDING, LoggedModelStatus.READY])
def test_a_model_that_a_dead_process_never_registered_is_removed_with_its_files(
    settings, client, start, dead, tmp_path, state
):
    orphan, own = start(dead), start()
    left, wanted = (make_logged(client, run, status=state) for run in (orphan, own))
    (tmp_path / "part.onnx").write_bytes(b"half")
    client.log_model_artifact(left, str(tmp_path / "part.onnx"))
    folder = local_path(client.get_logged_model(left).artifact_location)
    assert folder.is_dir()
    assert reap(settings).logged_models == [left]
    assert not folder.parent.exists()
    assert reap(settings).logged_models == []
    assert client.get_logged_model(wanted).model_id == wanted


def test_whatever_is_behind_the_first_page_of_a_listing_is_closed_removed_or_kept_as_well(
    settings, client, start, dead, version, monkeypatch
):
    monkeypatch.setattr(pages, "PAGE", 1)
    kept = [version() for _ in range(2)]
    for each in kept:
        client.set_terminated(each.run_id, "FINISHED")
    client.create_registered_model("climate-bergen")  # another page of models
    orphans = [start(dead) for _ in range(2)]
    left = [make_logged(client, run, status=LoggedModelStatus.READY) for run in orphans]
    reaped = reap(settings)
    assert sorted(reaped.tracking_runs) == sorted(orphans)
    assert sorted(reaped.logged_models) == sorted(left)
    assert {each.version for each in list_versions(client, MODEL)} == {1, 2}
    for each in kept:
        assert client.get_logged_model(logged_id(client.get_model_version(MODEL, each.version)))


def test_a_model_that_somebody_logged_in_an_experiment_of_their_own_stays(settings, client):
    run = client.create_run(client.create_experiment("somebodys")).info.run_id
    theirs = make_logged(client, run, status=LoggedModelStatus.READY)
    client.set_terminated(run, "FINISHED")
    assert reap(settings) == Reaped()
    assert client.get_logged_model(theirs).model_id == theirs


def test_a_model_that_is_registered_while_the_reaper_looks_keeps_its_files(
    settings, client, start, monkeypatch
):
    run = start()
    model = make_logged(client, run, status=LoggedModelStatus.READY)
    look = MlflowClient.search_logged_models

    def registered_meanwhile(self, *arguments, **words):
        found = look(self, *arguments, **words)
        self.create_model_version(MODEL, f"models:/{model}", run, model_id=model)
        self.set_terminated(run, "FINISHED")
        return found

    client.create_registered_model(MODEL)
    monkeypatch.setattr(MlflowClient, "search_logged_models", registered_meanwhile)
    assert reap(settings).logged_models == []
    assert client.get_logged_model(model).model_id == model


def test_a_version_without_a_whole_manifest_is_removed_unless_it_has_an_alias(
    settings, client, version
):
    sound, without, named, spoilt = (version() for _ in range(4))
    for each in (without, named):
        client.delete_model_version_tag(MODEL, str(each.version), "manifest_sha256")
    set_challenger(client, MODEL, named.version)
    model_id = logged_id(client.get_model_version(MODEL, str(spoilt.version)))
    folder = local_path(client.get_logged_model(model_id).artifact_location)
    (folder / "model.onnx").write_bytes(b"spoilt")
    assert sorted(reap(settings, dry_run=True).versions) == sorted([without.name, spoilt.name])
    assert sorted(reap(settings).versions) == sorted([without.name, spoilt.name])
    left = {each.version for each in list_versions(client, MODEL)}
    assert left == {sound.version, named.version}
    assert reap(settings).versions == []


def test_only_a_thorough_look_fetches_versions_and_none_lists_them_for_each(
    settings, client, version, monkeypatch
):
    spoilt, without, *_ = (version() for _ in range(4))
    client.delete_model_version_tag(MODEL, str(without.version), "manifest_sha256")
    stored = client.get_logged_model(logged_id(client.get_model_version(MODEL, spoilt.version)))
    (local_path(stored.artifact_location) / "model.onnx").write_bytes(b"spoilt")
    asked = []

    def heard(name):
        real = getattr(reaping, name)
        return lambda *words: asked.append(name) or real(*words)

    for name in ("fetch", "list_versions"):
        monkeypatch.setattr(reaping, name, heard(name))
    assert reap(settings, thorough=False).versions == [without.name]
    assert asked == ["list_versions", "list_versions"]  # again before what is removed
    asked.clear()
    assert reap(settings).versions == [spoilt.name]
    assert asked.count("list_versions") == 2
    assert asked.count("fetch") == 3


def test_a_version_that_gets_an_alias_while_the_reaper_looks_stays(
    settings, client, version, monkeypatch
):
    judged, champion = version(), version()
    client.set_model_version_tag(MODEL, champion.version, "judged_version", judged.version)
    client.delete_model_version_tag(MODEL, str(judged.version), "manifest_sha256")
    look = reaping.needed_versions

    def named_meanwhile(versions):
        found = look(versions)
        set_challenger(client, MODEL, champion.version)
        return found

    monkeypatch.setattr(reaping, "needed_versions", named_meanwhile)
    assert reap(settings).versions == []


def test_what_an_aliased_version_was_made_from_is_kept_however_spoilt(settings, client, version):
    judged = version()
    champion = version(refit=True, judged_version=judged.version)
    client.set_model_version_tag(
        MODEL, str(champion.version), "judged_version", str(judged.version)
    )
    client.delete_model_version_tag(MODEL, str(judged.version), "manifest_sha256")
    set_challenger(client, MODEL, champion.version)
    assert reap(settings).versions == []


def test_models_that_are_not_ours_are_not_looked_at(settings, client):
    client.create_registered_model("somebodys")
    client.create_model_version("somebodys", "s3://elsewhere/model")
    assert reap(settings) == Reaped()


def test_temporary_files_of_a_write_that_was_cut_off_are_removed_when_they_are_old(settings):
    folder = settings.root / "published" / MODEL
    (folder / ".tmp-folder").mkdir(parents=True)
    (folder / ".tmp-file").write_bytes(b"half")
    (folder / "champion.json").write_text("{}")
    (settings.root / "stations").mkdir()
    (settings.root / "stations" / ".tmp-new").write_bytes(b"at work")
    old = time.time() - LEFT_OVER - 1
    for name in (".tmp-folder", ".tmp-file", "champion.json"):
        os.utime(folder / name, (old, old))
    for dry_run in (True, False):
        reaped = Reaped()
        reap_files(settings, reaped, time.time(), dry_run=dry_run)
        assert sorted(reaped.files) == [
            f"published/{MODEL}/.tmp-file", f"published/{MODEL}/.tmp-folder",
        ]  # fmt: skip
    assert [path.name for path in folder.iterdir()] == ["champion.json"]
    assert (settings.root / "stations" / ".tmp-new").exists()


@pytest.mark.parametrize(
    ("location", "path"),
    [("file:///a%20b/c", "/a b/c"), ("/a/b", "/a/b"), ("s3://bucket/a", None), (None, None)],
)
def test_only_an_address_on_this_machine_is_a_folder(location, path):
    found = local_path(location)
    assert (None if found is None else str(found)) == path
