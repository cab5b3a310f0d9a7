"""A pass of the reaper in which nothing has died does what a killed retraining left undone."""

import json
from dataclasses import replace

import pytest

from forecasting.errors import ManifestMismatch
from forecasting.stores.decisions import read_decisions, read_moves
from forecasting.stores.files import write_json
from forecasting.stores.intentions import under_way
from forecasting.stores.liveness import Process
from forecasting.stores.published import read_pointer
from forecasting.stores.registry import aliases
from forecasting.stores.registry.aliases import CHAMPION, Move, promote
from forecasting.stores.registry.versions import connect
from pipelines import telling
from pipelines.operations import reaping, upkeep
from pipelines.operations.reaping_flows import Reaped
from pipelines.telling import notice_path, owe

MODEL = "climate-oslo"


class Killed(BaseException):
    """Takes the place of a signal."""


@pytest.fixture(autouse=True)
def no_api_heals(own_environment, monkeypatch):
    """Replicas that hold no MLflow; and no Prefect server is at hand."""
    own_environment["GATECAST_HEAL"] = "false"
    monkeypatch.setattr(upkeep, "reap_flows", lambda *_, **__: None)


@pytest.fixture
def heard(monkeypatch):
    events = []
    monkeypatch.setattr(telling, "emit_event", lambda **told: events.append(told["event"]))
    return events


@pytest.fixture
def cut_off(settings, version, monkeypatch):
    """Promote a version, and then another one until its alias is named; returns the second."""
    first, second = version(), version()
    owe(settings.root, MODEL, second.run_id)
    owed = notice_path(settings.root, MODEL, second.run_id)
    ended = replace(Process.own(), boot="an earlier start of this machine")
    write_json(owed, json.loads(owed.read_bytes()) | {"process": ended.name})

    def move(each, against):
        why = f"better {each.version}"
        move = Move(model=MODEL, version=each.version, judged_against=against, who="ola", why=why)
        promote(connect(settings), settings, move)

    def reach(point):
        if point == "promote.named":
            raise Killed

    move(first, None)
    with monkeypatch.context() as patch:
        patch.setattr(aliases, "reach", reach)
        with pytest.raises(Killed):
            move(second, first.version)
    return second


def reap(settings, *, thorough=False, dry_run=False):
    done = upkeep.reap_all(settings, thorough=thorough, dry_run=dry_run)
    del done["dry_run"]
    return Reaped(**done)


def published(settings):
    return read_pointer(settings.root, MODEL).version


def test_a_promotion_that_was_cut_off_is_completed_and_told_in_one_pass(settings, cut_off, heard):
    assert reap(settings, dry_run=True) == Reaped(healed=[MODEL])
    assert (published(settings), under_way(settings.root)) == (1, [MODEL])

    done = reap(settings)

    assert done == Reaped(healed=[MODEL], notices=[f"{MODEL}: better 2"])
    assert (published(settings), under_way(settings.root)) == (2, [])
    assert [each.why for each in read_moves(settings.root, MODEL)] == ["better 2", "better 1"]
    assert [each.version for each in read_decisions(settings.root, MODEL)] == [2, 1]
    assert heard == ["gatecast.promoted"]
    assert not notice_path(settings.root, MODEL, cut_off.run_id).exists()
    assert reap(settings) == Reaped()


def test_a_champion_named_in_mlflows_pages_is_published_by_a_thorough_pass_only(settings, version):
    named = version().version
    connect(settings).set_registered_model_alias(MODEL, CHAMPION, str(named))

    assert reap(settings) == Reaped()
    assert reap(settings, thorough=True) == Reaped(healed=[MODEL])

    assert published(settings) == named
    assert reap(settings, thorough=True) == Reaped()


@pytest.mark.usefixtures("cut_off")
def test_a_model_that_cannot_be_healed_is_named_and_keeps_nothing_else_from_its_end(
    settings, version, monkeypatch
):
    half = version()
    connect(settings).delete_model_version_tag(MODEL, str(half.version), "manifest_sha256")

    def spoilt(*_):
        raise ManifestMismatch("model.onnx is not whole")

    monkeypatch.setattr(reaping, "heal", spoilt)

    done = reap(settings)

    assert done.unhealed == [f"{MODEL}: MANIFEST_MISMATCH: model.onnx is not whole"]
    assert (done.healed, done.versions, done.notices) == ([], [half.name], [])
    assert under_way(settings.root) == [MODEL]
