"""A model's history is told once and in order, whatever a home has recorded of it."""

import json

import pytest

from forecasting.stores.decisions import (
    DecisionEntry,
    LeadScores,
    append_decision,
    decisions_path,
    moves_path,
)
from serving.web.evidence import MOST_EVENTS, record_of, skill_of

MODEL = "climate-oslo"
RIVALS = ("persistence", "climatology", "damped_anomaly_persistence", "linear", "shifted")


def make_scores(error, *, covered=None):
    return LeadScores(
        mean_mae=error, mae_by_lead=(error, error + 1),
        coverage_80_by_lead=covered and (covered, None),
    )  # fmt: skip


def decide(home, version, day, **changes):
    entry = {
        "model": MODEL, "version": version, "run_id": "r", "promoted": True, "who": "anna",
        "sentence": f"Promoted: {day}.", "time": f"2026-01-{day:02}T00:00:00+00:00",
        "candidate": make_scores(1.0, covered=0.8),
        "rivals": {name: make_scores(2.0 + place) for place, name in enumerate(RIVALS)},
    }  # fmt: skip
    append_decision(home, DecisionEntry(**(entry | changes)))


def move(home, after, day, *, before=None, why="", who="anna"):
    entry = {
        "time": f"2026-01-{day:02}T00:00:00+00:00", "model": MODEL, "before": before,
        "after": after, "who": who, "why": why,
    }  # fmt: skip
    with moves_path(home).open("a") as file:
        file.write(json.dumps(entry) + "\n")


def kinds(home):
    return [(event.kind, event.version) for event in record_of(home, MODEL).events]


def test_a_promotion_that_stands_in_both_logs_is_told_once(tmp_path):
    decide(tmp_path, 1, 1)
    move(tmp_path, 1, 1, why="Promoted: 1.")

    assert kinds(tmp_path) == [("promoted", 1)]


def test_an_approval_is_told_once_under_its_name_after_the_proposal(tmp_path):
    decide(tmp_path, 2, 1, promoted=False, outcome="proposed", sentence="Proposed: 1.")
    decide(tmp_path, 2, 2, outcome="approved", sentence="Approved by anna.")
    move(tmp_path, 2, 2, why="Approved by anna.")
    decide(tmp_path, 3, 3, promoted=False, outcome="rejected", sentence="Rejected by anna: no.")

    assert kinds(tmp_path) == [("rejected", 3), ("approved", 2), ("proposed", 2)]


def test_refusals_rollbacks_and_moves_of_the_registry_stand_in_order_newest_first(tmp_path):
    decide(tmp_path, 1, 1)
    decide(tmp_path, None, 2, promoted=False, sentence="Refused: worse.")
    decide(tmp_path, 2, 3)
    move(tmp_path, 2, 3, before=1, why="Promoted: 3.")
    move(tmp_path, 1, 4, before=2, why="rolled back on the command line")
    move(tmp_path, 2, 5, before=1, who="registry", why="the alias was set")

    assert kinds(tmp_path) == [
        ("set in the registry", 2),
        ("rolled back", 1),
        ("promoted", 2),
        ("refused", None),
        ("promoted", 1),
    ]


def test_going_back_twice_is_twice_rolled_back(tmp_path):
    move(tmp_path, 1, 1, why="Promoted: 1.")
    move(tmp_path, 2, 2, before=1, why="Promoted: 2.")
    move(tmp_path, 1, 3, before=2, why="too cold")
    move(tmp_path, 2, 4, before=1, why="it was the thermometer")
    move(tmp_path, 3, 5, before=2, why="Promoted: 5.")

    assert kinds(tmp_path) == [
        ("promoted", 3),
        ("rolled back", 2),
        ("rolled back", 1),
        ("promoted", 2),
        ("promoted", 1),
    ]


def test_an_older_home_that_has_only_moves_shows_them(tmp_path):
    move(tmp_path, 1, 1, why="Promoted: old.")

    assert kinds(tmp_path) == [("promoted", 1)]
    assert record_of(tmp_path, MODEL, 1).entry is None


def test_what_is_recorded_later_is_seen(tmp_path):
    assert kinds(tmp_path) == []
    decide(tmp_path, 1, 1)
    assert kinds(tmp_path) == [("promoted", 1)]
    move(tmp_path, 1, 4, before=2)
    assert kinds(tmp_path) == [("rolled back", 1), ("promoted", 1)]


def test_a_long_history_is_cut_and_counted_and_the_live_versions_evidence_is_still_found(tmp_path):
    decide(tmp_path, 1, 1)
    for _ in range(MOST_EVENTS):
        decide(tmp_path, None, 2, promoted=False, candidate=make_scores(9.0))

    record = record_of(tmp_path, MODEL, 1)

    assert (len(record.events), record.total) == (MOST_EVENTS, MOST_EVENTS + 1)
    assert record.entry.candidate.mean_mae == 1.0


def test_the_newest_decision_on_the_live_version_is_its_evidence(tmp_path):
    decide(tmp_path, 1, 1)
    decide(tmp_path, 1, 2, candidate=make_scores(1.2))
    decide(tmp_path, 2, 3, candidate=make_scores(0.5))

    assert record_of(tmp_path, MODEL, 1).entry.candidate.mean_mae == 1.2


def test_the_simple_rivals_and_the_best_other_one_are_drawn_and_all_are_listed(tmp_path):
    decide(tmp_path, 1, 1)

    skill = skill_of(record_of(tmp_path, MODEL, 1), "°C")

    assert [line.name for line in skill.lines] == [
        "persistence", "climatology", "damped anomaly persistence", "linear", "this model",
    ]  # fmt: skip
    assert [name for name, _ in skill.rivals] == list(RIVALS)
    assert skill.picture.count("<polyline") == 5
    assert 'data-name="80 % achieved"' in skill.coverage


def test_a_model_of_points_has_no_coverage_to_show(tmp_path):
    decide(tmp_path, 1, 1, candidate=make_scores(1.0))

    assert skill_of(record_of(tmp_path, MODEL, 1), "°C").coverage is None


@pytest.mark.parametrize(
    "spoiled",
    [
        {"candidate": {"mean_mae": 1.0, "mae_by_lead": "abc"}},
        {"candidate": {"mean_mae": 1.0, "mae_by_lead": ["1"]}},
        {"candidate": {"mean_mae": "much", "mae_by_lead": [1.0]}},
        {"rivals": ["persistence"]},
        {"version": "1"},
        {"time": None},
        {"origins": [3]},
    ],
)
def test_a_decision_of_another_form_is_left_out_and_hides_no_other(tmp_path, spoiled):
    decide(tmp_path, 1, 1)
    path = decisions_path(tmp_path, MODEL)
    content = json.loads(path.read_bytes())
    with path.open("a") as file:
        file.write(json.dumps(content | spoiled) + "\n")

    record = record_of(tmp_path, MODEL, 1)

    assert record.total == 1
    assert skill_of(record, "°C") is not None
