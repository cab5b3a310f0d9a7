"""The child that the API starts: every pointer follows the registry, one failure stops no other.

Tests `forecasting.stores.reconcile`, beside the registry's builders.
"""

import json
import time

import pytest

from forecasting.stores import reconcile
from forecasting.stores.published import GRAPH, read_pointer
from forecasting.stores.registry.aliases import CHAMPION


@pytest.fixture
def run(capsys):
    def act():
        code = reconcile.main()
        said = json.loads(capsys.readouterr().out)
        assert time.time() - 60 < said.pop("asked") <= time.time()
        return code, said

    return act


def test_a_pointer_follows_an_alias_that_was_moved(registry, run):
    registry.promote(registry.add())
    registry.add()
    registry.client.set_registered_model_alias("climate-oslo", CHAMPION, "2")

    assert run() == (0, {"moved": {"climate-oslo": 2}, "failed": {}, "deleted": {}})
    assert read_pointer(registry.settings.root, "climate-oslo").version == 2


def test_where_nothing_has_changed_nothing_is_moved(registry, run):
    registry.promote(registry.add())
    registry.add("climate-bergen")

    assert run() == (0, {"moved": {}, "failed": {}, "deleted": {}})


def test_a_model_that_fails_does_not_keep_the_others_from_being_followed(registry, run, flip_bit):
    for model in ("climate-bergen", "climate-oslo"):
        registry.add(model)
        registry.client.set_registered_model_alias(model, CHAMPION, "1")
    flip_bit(registry.artifacts(1, "climate-bergen") / GRAPH)

    code, said = run()

    assert code == 1
    assert said["moved"] == {"climate-oslo": 1}
    assert "model.onnx" in said["failed"]["climate-bergen"]


def test_a_champion_deleted_in_the_registry_is_told_and_stays_published(registry, run):
    registry.promote(registry.add())
    registry.client.delete_model_version("climate-oslo", "1")

    assert run() == (0, {"moved": {}, "failed": {}, "deleted": {"climate-oslo": 1}})
    assert read_pointer(registry.settings.root, "climate-oslo").version == 1


def test_a_whole_model_deleted_in_the_registry_is_told_as_well(registry, run):
    registry.promote(registry.add())
    registry.client.delete_registered_model("climate-oslo")

    assert run() == (0, {"moved": {}, "failed": {}, "deleted": {"climate-oslo": 1}})


def test_a_champion_that_only_lost_its_alias_is_not_deleted(registry, run):
    registry.promote(registry.add())
    registry.client.delete_registered_model_alias("climate-oslo", CHAMPION)

    assert run() == (0, {"moved": {}, "failed": {}, "deleted": {}})


def test_other_peoples_models_in_the_same_registry_are_left_alone(registry, run):
    registry.client.create_registered_model("Their Model")
    registry.client.create_model_version("Their Model", "s3://elsewhere/model")
    registry.client.set_registered_model_alias("Their Model", CHAMPION, "1")

    assert run() == (0, {"moved": {}, "failed": {}, "deleted": {}})
