"""Pools on disk: arranged from plans, trained in a process that may be killed, never refitted."""

import json
from dataclasses import replace

import pytest

from data_checks.admissions import save_admission
from forecasting.climate.pooling import Pool, PooledFitting
from pipelines import fitting, refitting
from pipelines.pooled import arrange, fitting_of, homes_of, is_global, work_of
from pipelines.workspace import open_workspace, read_plan
from tests.pipelines import oslo

CELL = "global-gru"


@pytest.fixture
def plans(settings):
    """Two stations' admitted series and plans; returns the plans' folders."""
    folders = []
    for place, name in enumerate(("oslo", "bergen")):
        series = oslo.make_series(seed=place)
        station = replace(series.station, name=name, latitude=59.9 + place)
        series = replace(series, station=station)
        save_admission(settings.root, oslo.make_admission(series, settings.root / "report.html"))
        plan = oslo.make_plan(series, station=name)
        folders.append(open_workspace(settings.root, plan))
    return folders


def test_a_pool_finds_every_stations_plan_and_leaves_each_its_share(settings, plans):
    arranged = arrange(settings.root, plans)
    assert set(arranged.plans) == set(plans)
    assert arranged.label == ""
    work = work_of(settings.root, arranged.folder, CELL)
    assert isinstance(work, Pool)
    homes = homes_of(work, arranged.folder / CELL)
    assert set(homes) == {plan / CELL for plan in plans}
    for plan in plans:
        part = fitting_of(settings.root, read_plan(plan), plan / CELL)
        assert isinstance(part, PooledFitting)
        assert part.cell == "gru"
        assert part.blocks.train == read_plan(plan).blocks.train
    again = arrange(settings.root, plans)
    assert again == arranged  # a killed run finds its folder again


def test_a_plans_own_candidates_are_found_beside_the_global_ones(settings, plans):
    plan = read_plan(plans[0])
    own = fitting_of(settings.root, plan, plans[0] / "gru")
    assert not isinstance(own, PooledFitting)
    assert homes_of(own, plans[0] / "gru") == [plans[0] / "gru"]
    assert work_of(settings.root, plans[0], "gru").cell == "gru"
    assert [is_global(cell) for cell in ("gru", CELL)] == [False, True]


def test_one_station_is_no_pool(settings, plans):
    assert arrange(settings.root, plans[:1]) is None


@pytest.mark.usefixtures("tiny_recipe")
def test_a_pool_that_was_cut_off_goes_on_and_leaves_every_station_its_members(
    settings, plans, monkeypatch, capsys
):
    arranged = arrange(settings.root, plans)
    call = [str(settings.root), str(arranged.folder), CELL]
    say = fitting.say

    def cut_off(told):
        if told.get("member") == 1 and told["epoch"] == 2:
            raise KeyboardInterrupt
        say(told)

    monkeypatch.setattr(fitting, "say", cut_off)
    with pytest.raises(KeyboardInterrupt):
        fitting.main(call)
    assert not (plans[0] / CELL / "history.json").exists()
    before = capsys.readouterr().out.count("epoch")
    monkeypatch.setattr(fitting, "say", say)
    assert fitting.main(call) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len([each for each in told if "epoch" in each]) + before == 4 * 3 - 1
    for plan in plans:
        assert len(list((plan / CELL).glob("member-*.safetensors"))) == 4
        assert list(json.loads((plan / CELL / "history.json").read_text())) == [
            "1000", "1001", "1002", "1003",
        ]  # fmt: skip


def test_a_global_candidate_is_not_refitted_and_says_why(settings, plans, monkeypatch):
    plan = replace(read_plan(plans[0]), refit=True)
    folder = open_workspace(settings.root, plan)
    verdict = type("Passed", (), {"promoted": True})
    judgement = type("Judged", (), {"cell": CELL, "verdict": verdict})
    logged = {}
    monkeypatch.setattr(refitting, "set_tags", lambda *of: logged.update(of[-1]))
    monkeypatch.setattr(refitting, "connect", lambda _: FakeClient())
    refit = refitting.refit_candidate(settings, folder, judgement, "run", print)
    assert not refit.accepted
    assert "REFIT_IMPOSSIBLE" in refit.sentence
    assert "found global-gru" in logged["refit"]


class FakeClient:
    """A store that only takes files."""

    def log_artifact(self, *_):
        """Take a file."""
