from dataclasses import replace

import numpy as np
import pytest
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import OperationalError

from forecasting.climate.export import GraphForecaster
from forecasting.errors import ManifestMismatch, TrackingUnavailable, VersionUnknown
from forecasting.stores.published import GRAPH, MANIFEST, WEIGHTS, read_card
from forecasting.stores.registry import pages, versions
from forecasting.stores.registry.aliases import set_challenger
from forecasting.stores.registry.versions import (
    fetch,
    list_models,
    list_versions,
    resolve,
    store_errors,
)


def test_a_registered_version_comes_back_whole(registry, tmp_path, card_of):
    version = registry.add()

    files = fetch(registry.client, "climate-oslo", version, tmp_path / "fetched")

    assert (files / GRAPH).read_bytes() == registry.graph.read_bytes()
    assert (files / WEIGHTS).read_bytes() == registry.weights.read_bytes()
    assert read_card(files) == card_of(run_id=registry.run_id)
    assert (files / MANIFEST).is_file()
    assert not list(files.rglob("*.pkl"))


def test_a_fetched_graph_says_what_was_judged(registry, tmp_path):
    files = fetch(registry.client, "climate-oslo", registry.add(), tmp_path / "fetched")
    asked = np.ones((3, 10, 2), np.float32), np.zeros(3, np.int64)

    answers = GraphForecaster(files / GRAPH)(*asked)

    assert answers.tobytes() == GraphForecaster(registry.graph)(*asked).tobytes()


def test_a_version_is_found_by_number_and_by_alias(registry):
    first, second = registry.add(), registry.add()
    set_challenger(registry.client, "climate-oslo", second)

    by_number = resolve(registry.client, f"climate-oslo/{first}")
    by_alias = resolve(registry.client, "climate-oslo@challenger")

    assert (by_number.version, by_number.aliases) == (1, ())
    assert (by_alias.version, by_alias.aliases) == (2, ("challenger",))
    assert by_alias.name == "climate-oslo/2"
    assert by_alias.tags["cell"] == "gru"
    assert by_alias.description == "## Why"
    assert by_alias.run_id == registry.run_id


@pytest.mark.parametrize(
    "name",
    ["climate-oslo/9", "climate-oslo@champion", "climate-bergen/1", "climate-bergen@champion"],
)
def test_a_version_that_is_not_there_is_refused(registry, name):
    registry.add()

    with pytest.raises(VersionUnknown):
        resolve(registry.client, name)


@pytest.mark.parametrize("name", ["climate-oslo", "climate-oslo/", "/1", "climate-oslo/one", ""])
def test_a_name_of_another_form_is_refused_with_both_forms(registry, name):
    with pytest.raises(VersionUnknown, match="expected model/3 or model@champion"):
        resolve(registry.client, name)


def test_versions_are_listed_newest_first_with_their_aliases(registry):
    registry.add()
    registry.add()
    set_challenger(registry.client, "climate-oslo", 1)

    listed = list_versions(registry.client, "climate-oslo")

    assert [(each.version, each.aliases) for each in listed] == [(2, ()), (1, ("challenger",))]


def test_models_are_listed_by_prefix(registry):
    registry.add("climate-oslo")
    registry.add("climate-bergen")

    assert list_models(registry.client) == ["climate-bergen", "climate-oslo"]
    assert list_models(registry.client, "climate-o") == ["climate-oslo"]


def test_a_registry_of_more_than_a_page_is_listed_whole(registry, monkeypatch):
    monkeypatch.setattr(pages, "PAGE", 2)
    names = [f"climate-s{place}" for place in range(5)]
    for name in names:
        versions.ensure_model(registry.client, name)
    for _ in range(3):
        registry.add(names[0])

    assert list_models(registry.client) == names
    assert [each.version for each in list_versions(registry.client, names[0])] == [3, 2, 1]


@pytest.mark.parametrize("name", [GRAPH, WEIGHTS, MANIFEST])
def test_a_bit_flipped_in_the_store_is_refused_on_fetch(registry, tmp_path, flip_bit, name):
    version = registry.add()
    fetch(registry.client, "climate-oslo", version, tmp_path / "before")

    flip_bit(registry.artifacts(version) / name)

    with pytest.raises(ManifestMismatch, match=r"expected \w{64}; found \w{64}"):
        fetch(registry.client, "climate-oslo", version, tmp_path / "after")


def test_a_file_and_its_manifest_changed_together_are_refused_on_fetch(registry, tmp_path):
    version = registry.add()
    files = registry.artifacts(version)
    (files / "more.txt").write_text("more")
    versions.write_manifest(files)

    with pytest.raises(ManifestMismatch, match="another manifest"):
        fetch(registry.client, "climate-oslo", version, tmp_path / "fetched")


def test_what_the_store_does_not_give_back_whole_is_never_registered(
    registry, monkeypatch, flip_bit
):
    download = versions.mlflow.artifacts.download_artifacts

    def spoil(*arguments, **options):
        folder = download(*arguments, **options)
        flip_bit(versions.Path(folder) / GRAPH)
        return folder

    monkeypatch.setattr(versions.mlflow.artifacts, "download_artifacts", spoil)

    with pytest.raises(ManifestMismatch, match=r"model\.onnx"):
        registry.add()

    assert list_models(registry.client) == []


def test_models_and_versions_behind_the_first_page_are_listed_too(registry, monkeypatch):
    monkeypatch.setattr(pages, "PAGE", 2)
    for name in ("a", "b", "c"):
        registry.client.create_registered_model(f"climate-{name}")
        registry.client.create_model_version("climate-a", f"s3://elsewhere/{name}")

    assert list_models(registry.client) == ["climate-a", "climate-b", "climate-c"]
    assert [each.version for each in list_versions(registry.client, "climate-a")] == [3, 2, 1]


def test_a_version_of_an_unknown_run_is_refused(registry):
    with pytest.raises(VersionUnknown):
        replace(registry, run_id="0" * 32).add()


def test_everything_that_is_written_lies_under_the_home(registry, tmp_path):
    registry.promote(registry.add())

    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]


@pytest.mark.parametrize(
    "error",
    [OperationalError("select", {}, OSError("locked")), OSError("disk full"), MlflowException("x")],
)
def test_a_store_that_fails_is_said_to_be_unavailable(error):
    with pytest.raises(TrackingUnavailable, match="the tracking store failed"), store_errors():
        raise error


def test_other_errors_are_not_the_stores():
    with pytest.raises(KeyError), store_errors():
        raise KeyError("ours")
