"""What a killed retraining decided and had not told is told in its place, and nothing else is."""

import json
from dataclasses import replace
from queue import Queue
from types import SimpleNamespace

import pytest

from forecasting.settings import load_settings
from forecasting.stores.decisions import DecisionEntry, MoveEntry, append_decision
from forecasting.stores.files import write_json
from forecasting.stores.intentions import Intention, forget, intend
from forecasting.stores.liveness import Process
from pipelines import climate, telling
from pipelines.operations.owing import tell_owed
from pipelines.telling import notice_path, owe, tell_decision, was_sent

MODEL, RUN = "climate-oslo", "5f0c"


@pytest.fixture
def heard(monkeypatch):
    events = []
    monkeypatch.setattr(telling, "emit_event", lambda **told: events.append(told))
    return events


@pytest.fixture
def owed(tmp_path):
    """Let a process that is dead by now owe the notice of its run; returns whether it is owed."""
    owe(tmp_path, MODEL, RUN)
    path = notice_path(tmp_path, MODEL, RUN)
    ended = replace(Process.own(), boot="an earlier start of this machine")
    write_json(path, json.loads(path.read_bytes()) | {"process": ended.name})
    return path.exists


def make_decision(**changes):
    told = {"model": MODEL, "version": 2, "run_id": RUN, "promoted": True, "who": "a"}
    return DecisionEntry(**(told | {"sentence": "Promoted: 1.", "outcome": "promoted"} | changes))


def test_a_decision_that_was_not_told_is_told_once_after_the_kill(tmp_path, heard, owed):
    append_decision(tmp_path, make_decision())

    assert tell_owed(tmp_path, dry_run=True) == ["climate-oslo: Promoted: 1."]
    assert (heard, owed()) == ([], True)
    assert tell_owed(tmp_path) == ["climate-oslo: Promoted: 1."]
    assert tell_owed(tmp_path) == []
    assert not owed()
    assert heard == [
        {
            "event": "gatecast.promoted",
            "resource": {"prefect.resource.id": "gatecast.model.climate-oslo"},
            "payload": {"version": 2, "sentence": "Promoted: 1."},
        }
    ]


def test_a_refusal_is_told_and_what_a_reviewer_said_of_the_run_later_is_not(tmp_path, heard, owed):
    append_decision(tmp_path, make_decision(promoted=False, outcome="refused"))
    append_decision(tmp_path, make_decision(promoted=False, outcome="rejected"))

    tell_owed(tmp_path)

    assert [each["event"] for each in heard] == ["gatecast.refused"]
    assert not owed()


def test_a_run_that_came_to_no_decision_owes_nothing(tmp_path, heard, owed):
    append_decision(tmp_path, make_decision(run_id="another"))

    assert tell_owed(tmp_path) == []

    assert heard == []
    assert not owed()


def test_a_promotion_that_is_not_healed_yet_waits_for_its_line(tmp_path, heard, owed):
    move = MoveEntry(time="now", model=MODEL, before=1, after=2, who="a", why="b")
    intend(tmp_path, Intention(move=move, entry=make_decision()))
    assert tell_owed(tmp_path) == []
    assert owed()

    append_decision(tmp_path, make_decision())
    forget(tmp_path, MODEL)

    assert tell_owed(tmp_path) == ["climate-oslo: Promoted: 1."]
    assert len(heard) == 1


def test_a_process_that_lives_tells_for_itself(tmp_path, heard):
    owe(tmp_path, MODEL, RUN)
    append_decision(tmp_path, make_decision())

    assert tell_owed(tmp_path) == []
    assert heard == []

    verdict = SimpleNamespace(sentence="Promoted: 1.")
    decision = SimpleNamespace(model=MODEL, version=2, verdict=verdict, outcome="promoted")
    tell_decision(tmp_path, decision, RUN)

    assert len(heard) == 1
    assert not notice_path(tmp_path, MODEL, RUN).exists()


def test_a_notice_that_the_server_has_not_taken_stays_owed(tmp_path, monkeypatch):
    owe(tmp_path, MODEL, RUN)
    monkeypatch.setattr(telling, "emit_event", lambda **_: "an event")
    monkeypatch.setattr(telling, "was_sent", lambda: False)
    verdict = SimpleNamespace(sentence="Promoted: 1.")
    decision = SimpleNamespace(model=MODEL, version=2, verdict=verdict, outcome="promoted")

    tell_decision(tmp_path, decision, RUN)

    assert notice_path(tmp_path, MODEL, RUN).exists()


def test_a_retraining_owes_its_notice_before_it_decides(settings, monkeypatch):
    class Killed(BaseException):
        pass

    def kill(*_):
        raise Killed

    monkeypatch.setattr(climate, "read_plan", lambda _: SimpleNamespace(model=MODEL))
    monkeypatch.setattr(climate.judging, "read_judgement", lambda _: None)
    monkeypatch.setattr(climate.chronicle, "judged_as", lambda *_: {})
    monkeypatch.setattr(climate.promotion, "decide", kill)
    with pytest.raises(Killed):
        climate.promote.fn("folder", 2, RUN, None)

    assert notice_path(load_settings(home=settings.root).root, MODEL, RUN).exists()


def test_a_notice_counts_as_sent_once_the_background_has_handed_it_over(monkeypatch):
    waiting = Queue()
    waiting.put("an event")
    worker = SimpleNamespace(wait_until_empty=waiting.join)
    monkeypatch.setattr(telling, "EventsWorker", SimpleNamespace(instance=lambda: worker))
    monkeypatch.setattr(telling, "SENDING", 0.1)
    assert not was_sent()

    waiting.task_done()

    monkeypatch.setattr(telling, "SENDING", 30.0)
    assert was_sent()
