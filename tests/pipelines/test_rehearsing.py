import json
import os
import shutil
import tempfile
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from unittest import mock

import pytest

from data_checks.admissions import load_admitted
from forecasting.errors import DataRefused, SeriesTooShort, SettingsInvalid
from forecasting.settings import Settings
from forecasting.stores.decisions import read_decisions
from forecasting.stores.registry.versions import connect, list_models
from pipelines import climate
from pipelines.attempts import keep, last_attempt
from pipelines.commands import backfill as verb
from pipelines.rehearsing import cut_off
from tests.pipelines.several import DECLARATION, retrain, without_prefect, write_sound

PART = "#tacoma@temperature_2m_mean"


@pytest.fixture
def admission(work, make):
    return make.admission(work.series, work.settings.root / "reports" / "oslo.html")


def test_a_series_is_cut_behind_the_last_day_that_may_be_seen(work, admission):
    day = work.series.label(99).date()
    digest = cut_off(work.settings, admission, day.isoformat())
    past = load_admitted(work.settings.root, digest)
    assert (len(past), past.end.date()) == (100, day)
    assert past.values.tobytes() == work.series.values[:100].tobytes()
    assert load_admitted(work.settings.root, work.series.sha256).sha256 == work.series.sha256


def test_a_day_after_the_last_one_cuts_nothing_off(work, admission):
    after = work.series.end.date() + timedelta(days=3)
    assert cut_off(work.settings, admission, after.isoformat()) == work.series.sha256


def test_a_day_before_the_first_and_one_that_is_none_are_refused(work, admission):
    before = work.series.start.date() - timedelta(days=1)
    with pytest.raises(SeriesTooShort, match="nothing was observed until then"):
        cut_off(work.settings, admission, before.isoformat())
    with pytest.raises(SettingsInvalid, match="a day cannot be read"):
        cut_off(work.settings, admission, "yesterday")


def test_a_refused_batch_has_no_past_either(work, admission):
    refused = replace(admission, series=None, data_sha256=None, verdict="refused")
    with pytest.raises(DataRefused):
        cut_off(work.settings, refused, "2012-05-01")


@pytest.fixture(scope="module")
def rehearsed(store, tmp_path_factory):
    """Two days backfilled by the verb, one of them twice; returns what was told, and the home."""
    folder = tmp_path_factory.mktemp("rehearsed")
    shutil.copytree(store, folder / "home")
    toml = write_sound(folder)
    told = []
    home = {"GATECAST_HOME": str(folder / "home")}
    with (
        mock.patch.dict(os.environ, home),
        pytest.MonkeyPatch.context() as patch,
        without_prefect(),
    ):
        patch.setattr(climate, "retrain_climate", climate.retrain_climate.fn)
        for last in (date(2013, 9, 20), date(2013, 9, 30)):
            days = verb.Days(first=date(2013, 9, 20), last=last, every=10)
            out = StringIO()
            with redirect_stdout(out):
                code = verb.backfill(f"{toml}{PART}", days=days, preset="quick", json=True)
            told.append((code, json.loads(out.getvalue())["days"]))
    return Settings(home=folder / "home"), told


def test_each_day_is_judged_on_what_was_known_by_then(rehearsed):
    settings, [(code, _), (again, days)] = rehearsed
    assert (code, again) == (0, 0)
    assert [day["as_of"] for day in days] == ["2013-09-20", "2013-09-30"]
    client = connect(settings)
    for day in days:
        run = client.get_run(day["run_id"])
        plan = plan_of_run(client, run.info.run_id)
        series = load_admitted(settings.root, plan["data_sha256"])
        assert series.end.date().isoformat() == day["as_of"]
        assert run.data.tags["promoted"] == "false"


def plan_of_run(client, run_id):
    with tempfile.TemporaryDirectory() as scratch:
        return json.loads(Path(client.download_artifacts(run_id, "plan.json", scratch)).read_text())


def test_a_dry_run_says_what_it_would_do_and_leaves_registry_and_decisions_alone(rehearsed):
    settings, [_, (_, days)] = rehearsed
    for day in days:
        assert day["dry_run"] is True
        assert day["would"] in {"promote", "refuse"}
        assert (day["version"], day["promoted"]) == (None, False)
        assert day["verdict"]["sentence"].startswith(f"Dry run, would {day['would']}: ")
    assert list_models(connect(settings)) == []
    assert read_decisions(settings.root, "climate-tacoma") == []
    assert not (settings.root / "published").exists()


def test_a_day_that_was_done_is_not_trained_again(rehearsed):
    _, [(_, first), (_, second)] = rehearsed
    assert [day["repeated"] for day in (*first, *second)] == [False, True, False]
    assert second[0]["run_id"] == first[0]["run_id"]


@pytest.mark.parametrize(
    ("first", "last", "every"),
    [
        ("2014-02-01", "2014-01-01", 1),
        ("2014-01-01", "2014-02-01", 0),
        ("2000-01-01", "2014-01-01", 1),
    ],
)
def test_days_that_are_none_or_too_many_are_refused(first, last, every):
    days = verb.Days(first=date.fromisoformat(first), last=date.fromisoformat(last), every=every)
    with pytest.raises(SettingsInvalid, match="no days to train as of"):
        days.each()


def test_a_backfill_that_promotes_settles_no_other_runs_attempt(settings, admission, tmp_path):
    keep(settings.root, "climate-tacoma", admission, "a killed run")
    with without_prefect():
        decision = retrain(f"{write_sound(tmp_path)}{PART}", until="2013-09-20")
    assert decision["promoted"]
    assert last_attempt(settings.root, "climate-tacoma") is None


FIRST = verb.Days(first=date(2013, 9, 20), last=date(2013, 9, 20), every=10)


@pytest.fixture
def flow(monkeypatch, own_environment, tmp_path):
    """Put a flow that only answers in the place of the real one: of two parts, one was refused."""
    own_environment["GATECAST_HOME"] = str(tmp_path / "home")
    decision = {
        "model": "climate-seatac",
        "would": "promote",
        "metrics": {"mean_mae": 1.5, "skill": 0.1},
    }
    refusal = {"model": "climate-tacoma", "code": "DATA_REFUSED", "message": "the checks refused"}
    outcome = {"decisions": [decision], "refused": [refusal], "promoted": []}
    monkeypatch.setattr(verb, "run_flow", lambda *_, **__: outcome)
    return outcome


def test_a_day_of_which_a_part_was_refused_ends_with_1_and_names_it(flow, tmp_path, capsys):
    toml = str(write_sound(tmp_path, rows=5))
    assert verb.backfill(toml, days=FIRST, preset="quick") == 1
    out = capsys.readouterr().out
    assert "climate-seatac" in out
    assert [line.split()[1:] for line in out.splitlines() if "tacoma" in line] == [
        ["climate-tacoma", "-", "-", "DATA_REFUSED"]
    ]
    flow["refused"] = []
    assert verb.backfill(toml, days=FIRST, preset="quick", again=True) == 0


@pytest.mark.usefixtures("flow")
def test_days_of_many_stations_are_not_those_of_others_that_begin_with_the_same(tmp_path, capsys):
    before, after = DECLARATION.split("[stations.seatac]")[0], DECLARATION.split("[columns]")[1]
    spot = 'latitude = 47.4\nlongitude = -122.3\ntimezone = "UTC"\n'
    told = []
    for last in ("tacoma", "olympia"):
        names = ("bellingham", "bremerton", "everett", "seatac", last)
        stations = "".join(f"[stations.{name}]\n{spot}" for name in names)
        (tmp_path / f"{last}.toml").write_text(f"{before}{stations}[columns]{after}")
        verb.backfill(str(tmp_path / f"{last}.toml"), days=FIRST, preset="quick", json=True)
        told += json.loads(capsys.readouterr().out)["days"]
    assert [day["repeated"] for day in told] == [False, False]
