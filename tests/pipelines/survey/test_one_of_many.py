"""A survey of one station of many keeps the others' results, and says whose run left which."""

import json
from io import StringIO

import pandas as pd
import pytest

from benchmarks.scale.stations import NAME, write_stations
from forecasting.stores.published import verify_manifest
from pipelines.catalogue import find_parts
from pipelines.commands.survey import survey as survey_verb
from pipelines.survey.folder import Survey, keep_run, open_survey, runs_of
from pipelines.survey.run import run_survey
from pipelines.survey.scatter import here


@pytest.fixture(scope="module")
def declared(tmp_path_factory):
    return write_stations(tmp_path_factory.mktemp("source"), 2, 700)


def ask(home, run, **changes):
    return Survey(home=home, name=NAME, preset="quick", cell="gru", seed=1, windows=32, run=run,
                  **changes)  # fmt: skip


def test_one_station_is_surveyed_again_beside_the_results_of_the_other(
    declared, tmp_path, monkeypatch, capsys
):
    whole = ask(tmp_path, "first")
    outcome = run_survey(whole, find_parts(str(declared)), here, str)
    assert outcome["runs"] == {"s00000": "first", "s00001": "first"}
    monkeypatch.setenv("GATECAST_HOME", str(tmp_path))
    monkeypatch.setattr("sys.stderr", StringIO())

    assert survey_verb(f"{declared}#s00001", windows=32, json=True) == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["stations"], told["refused"]) == (1, {})
    assert told["runs"] == {"s00000": "first", "s00001": told["run"]}
    rows = pd.read_parquet(whole.forecasts).groupby("station", observed=True)["run"].unique()
    assert {name: list(runs) for name, runs in rows.items()} == {
        "s00000": ["first"],
        "s00001": [told["run"]],
    }
    verify_manifest(whole.model("s00000"))
    assert whole.of_station("verdicts", "s00000").exists()

    assert survey_verb(f"{declared}#s00001", windows=32) == 0
    assert "stations kept from earlier runs (first): 1" in capsys.readouterr().out


def test_only_the_station_that_is_asked_loses_its_earlier_results_and_a_half_done_one_too(
    declared, tmp_path
):
    whole = ask(tmp_path, "first")
    for name in ("s00000", "s00001", "half"):
        for path in (whole.of_station("verdicts", name), whole.model(name) / "x",
                     whole.forecasts / f"station={name}" / "x.parquet"):  # fmt: skip
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        if name != "half":
            keep_run(whole, name)

    open_survey(ask(tmp_path, "second", beside=True), find_parts(f"{declared}#s00001"))

    assert runs_of(whole) == {"s00000": "first"}
    for folder in (whole.folder / "verdicts", whole.folder / "models", whole.forecasts):
        assert [each.stem.removeprefix("station=") for each in folder.iterdir()] == ["s00000"]


def test_a_survey_of_all_keeps_nothing_of_a_station_that_is_no_longer_declared(declared, tmp_path):
    keep_run(ask(tmp_path, "first"), "gone")

    open_survey(ask(tmp_path, "second"), find_parts(str(declared)))

    assert runs_of(ask(tmp_path, "second")) == {}
