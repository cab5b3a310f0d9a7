import json
import re

import pytest

from forecasting.errors import DatasetUnknown, SettingsInvalid
from pipelines import climate
from pipelines.catalogue import SHIPPED, resolved
from pipelines.commands import lecture
from pipelines.commands.retrain import Manner, let_through, print_decision, retrain

SCORES = {"mean_mae": 1.5, "mae_by_lead": [1.25, 1.75]}
DECISION = {
    "run_id": "run-7",
    "model": "climate-oslo",
    "version": 3,
    "promoted": True,
    "proposed": False,
    "cell": "gru",
    "held_out": {"lstm": None, "global-gru": 0.75, "gru": 0.5},
    "refit": None,
    "verdict": {"sentence": "Promoted: mean MAE 1.500 against 2.000 of persistence."},
    "metrics": {
        **SCORES,
        "skill": 0.25,
        "best_rival": "persistence",
        "rivals": {"damped_anomaly_persistence": {"mean_mae": 2.0, "mae_by_lead": [1.5, 2.5]}},
    },
}


@pytest.fixture
def asked(monkeypatch, own_environment, tmp_path):
    """Put a flow that only listens in the place of the real one."""
    own_environment["GATECAST_HOME"] = str(tmp_path / "home")
    calls = []

    def listen(**parameters):
        calls.append(parameters)
        return dict(DECISION)

    monkeypatch.setattr(climate, "retrain_climate", listen)
    return calls


def test_the_flow_is_given_the_dataset_the_files_the_preset_and_the_seed(asked, tmp_path, capsys):
    own, file = tmp_path / "own.toml", tmp_path / "a.csv"
    own.write_bytes((SHIPPED / "seattle.toml").read_bytes())
    retrain(str(own), csv=[file], preset="quick", seed=0, json=True)
    assert asked == [{"dataset": str(own), "csv": [str(file)], "preset": "quick", "seed": 0}]
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {*DECISION, "home", "seconds"}
    assert told["seconds"] >= 0


def test_a_wrong_name_is_told_before_the_flow_is_asked(asked):
    with pytest.raises(DatasetUnknown, match="atlantis"):
        retrain("atlantis")
    assert asked == []


def test_the_shipped_seed_and_preset_are_taken_when_none_is_named(asked, capsys):
    retrain()
    assert asked == [{"dataset": "seattle", "csv": [], "preset": "default", "seed": 1}]
    assert "climate-oslo/3" in capsys.readouterr().out


def test_people_read_the_errors_best_first_and_the_decision(capsys):
    print_decision(DECISION | {"seconds": 12.5})
    out = capsys.readouterr().out
    assert out.index("gru (candidate)") < out.index("damped anomaly persistence")
    assert re.search(r"gru \(candidate\) +1\.50 +1\.25 +1\.75", out)
    assert "Promoted: mean MAE 1.500 against 2.000 of persistence." in out
    assert "version: climate-oslo/3; run: run-7; 12.5 s" in out


def test_a_table_of_many_leads_keeps_to_the_first_the_last_and_some_between(capsys):
    far = {"mean_mae": 1.5, "mae_by_lead": [1 + lead / 100 for lead in range(1, 49)]}
    print_decision(DECISION | {"seconds": 1.0, "metrics": far | {"rivals": {}}})
    assert re.search(r"1\.50 +1\.01 +1\.09 .* 1\.48\b", capsys.readouterr().out)


def test_a_candidate_that_was_not_registered_is_said_to_be_only_logged(capsys):
    print_decision(DECISION | {"version": None, "promoted": False, "seconds": 1.0})
    assert "version: only logged; run: run-7" in capsys.readouterr().out


def test_the_lecture_goes_its_own_way(asked, monkeypatch, tmp_path):
    heard = []

    def listen(name, files, **more):
        heard.append((name, files, more))

    monkeypatch.setattr(lecture, "run_lecture", listen)
    retrain("delhi", csv=[tmp_path / "a.csv"], preset="lecture", manner=Manner(as_lectured=True))
    more = {"seed": None, "as_lectured": True, "json": False}
    assert heard == [("delhi", [str(tmp_path / "a.csv")], more)]
    assert not asked


def test_a_leak_that_was_asked_for_without_the_lecture_is_refused(asked):
    with pytest.raises(SettingsInvalid, match="--preset lecture only") as refusal:
        retrain(preset="quick", manner=Manner(as_lectured=True))
    assert refusal.value.found == "quick"
    assert not asked


@pytest.mark.parametrize(("would", "code"), [("promote", 0), ("propose", 0), ("refuse", 1)])
def test_a_dry_run_ends_as_the_gate_would_have_decided(monkeypatch, asked, would, code):
    def rehearse(**parameters):
        asked.append(parameters)
        return DECISION | {"dry_run": True, "would": would, "version": None, "promoted": False}

    monkeypatch.setattr(climate, "retrain_climate", rehearse)
    assert retrain("seattle", manner=Manner(dry_run=True), json=True) == code
    assert asked[0]["dry_run"] is True


def test_of_several_parts_one_that_would_pass_is_enough():
    parts = [{"would": "refuse"}, {"would": "propose"}]
    assert let_through({"decisions": parts})
    assert not let_through({"decisions": parts[:1]})


def test_a_file_is_named_so_that_another_folder_finds_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolved("own.toml") == str(tmp_path / "own.toml")
    assert resolved("seattle") == "seattle"


def test_people_read_every_parts_decision_and_what_was_refused(asked, monkeypatch, capsys):
    further = {**DECISION, "model": "climate-oslo--rain", "promoted": False, "version": None}
    refused = {
        "part": "x#bergen", "model": "climate-bergen", "run_id": "run-8", "code": "DATA_REFUSED",
        "message": "no rows", "expected": "rows", "found": "none",
    }  # fmt: skip
    outcome = {"decisions": [DECISION, further], "refused": [refused], "promoted": ["climate-oslo"]}
    monkeypatch.setattr(climate, "retrain_climate", lambda **_: dict(outcome))
    assert retrain() == 1
    out = capsys.readouterr().out
    assert "climate-oslo: gru, mean MAE 1.500, skill +25.0 % against persistence: promoted" in out
    assert "climate-oslo--rain: gru" in out
    assert ": not promoted" in out
    assert "climate-bergen: DATA_REFUSED: no rows; found none" in out
    assert "by its loss at held-out origins (gru 0.500, global-gru 0.750)" in out
    assert retrain(json=True) == 1
    assert set(json.loads(capsys.readouterr().out)) == {*outcome, "home", "seconds"}
    outcome["refused"] = []
    assert retrain() == 0
    assert asked == []
