"""A survey of made-up stations: one at a time or all at once, the same bytes come out."""

import json
from io import StringIO

import numpy as np
import pandas as pd
import pytest

from benchmarks.scale.stations import NAME, write_stations
from data_checks.partitions import list_partitions, load_partition
from forecasting.climate.drawing import Budget, draw
from forecasting.errors import DatasetInvalid
from forecasting.stores.published import verify_manifest
from pipelines.catalogue import find_parts
from pipelines.commands.survey import survey as survey_verb
from pipelines.survey import run
from pipelines.survey.folder import Survey, open_survey, share_of
from pipelines.survey.run import NoStationLeft, run_survey
from pipelines.survey.scatter import REFUSED, here
from pipelines.survey.stations import draw_station
from pipelines.survey.together import fitting_of, task_of
from pipelines.survey.windows import read_parts

DAYS = 700


def ask(home, windows=32):
    return Survey(home=home, name=NAME, preset="quick", cell="gru", seed=1, windows=windows)


@pytest.fixture(scope="module")
def declared(tmp_path_factory):
    """Three stations, of which the last has a file that the checks refuse."""
    toml = write_stations(tmp_path_factory.mktemp("source"), 3, DAYS)
    spoilt = toml.parent / "s00002.csv"
    head, _, rows = spoilt.read_text().partition("\n")
    spoilt.write_text(head + "\n" + rows.replace(",", ",9"))
    return toml


@pytest.fixture(scope="module")
def surveyed(declared, tmp_path_factory):
    """A survey that has been run, the last station first, and what came of it."""
    asked, heard = ask(tmp_path_factory.mktemp("home")), []

    def backwards(step, survey, stations):
        return here(step, survey, stations[::-1])

    return asked, run_survey(asked, find_parts(str(declared)), backwards, heard.append), heard


def test_a_refused_station_stops_no_other(surveyed):
    _, outcome, heard = surveyed

    assert outcome["stations"] == 2
    assert {name: why["code"] for name, why in outcome["refused"].items()} == {
        "s00002": "DATA_REFUSED"
    }
    assert heard[-1] == "forecasting 2 stations"


def test_every_station_has_a_graph_a_verdict_and_a_forecast(surveyed):
    asked, _, _ = surveyed

    for name in ("s00000", "s00001"):
        verify_manifest(asked.model(name))
        assert json.loads(asked.of_station("verdicts", name).read_bytes())["sentence"]
    forecasts = pd.read_parquet(asked.forecasts)
    assert forecasts.groupby("station", observed=True).size().to_dict() == {
        "s00000": 7, "s00001": 7,
    }  # fmt: skip
    levels = forecasts.filter(like="q").to_numpy()
    assert (np.diff(levels, axis=1) >= -1e-4).all()
    assert list(list_partitions(asked.admitted)) == ["s00000", "s00001"]


def test_streamed_windows_are_those_that_are_drawn_in_memory(surveyed):
    asked, _, _ = surveyed
    names = ["s00000", "s00001"]
    every = {
        name: dict(draw(fitting_of(asked, name), Budget(**share_of(asked, name)[1]["budget"])))
        for name in names
    }
    for name in names:
        draw_station(asked, name)

    for seed in (1000, 1003):
        streamed = task_of(asked, seed, dict(read_parts(asked.folder, seed)))
        in_memory = task_of(asked, seed, {name: every[name][seed] for name in names})
        for use in ("train", "stop"):
            for array, other in zip(
                vars(getattr(streamed, use)).values(),
                vars(getattr(in_memory, use)).values(),
                strict=True,
            ):
                assert array.tobytes() == other.tobytes()


def test_no_row_of_another_station_is_read(surveyed):
    asked, _, _ = surveyed
    hidden = asked.admitted / "station=s00001"
    aside = hidden.rename(hidden.with_name("aside"))
    try:
        assert len(load_partition(asked.admitted, "s00000")) == DAYS
    finally:
        aside.rename(hidden)


def test_a_survey_begins_without_what_an_earlier_one_left(declared, tmp_path):
    asked = ask(tmp_path)
    left = [asked.folder / "windows" / "gone.npz", asked.forecasts / "station=gone" / "x.parquet",
            asked.folder / "outcome.json"]  # fmt: skip
    kept = asked.folder / "checkpoints" / "1000-abc" / "epoch-3"
    for path in (*left, kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    open_survey(asked, find_parts(str(declared)))

    assert not any(path.exists() for path in left)
    assert kept.exists()


def test_several_targets_are_no_survey(declared, tmp_path):
    toml = declared.parent / "two.toml"
    target = 'target = "temperature_2m_mean"'
    both = 'target = ["temperature_2m_mean", "wind_speed_10m_mean"]'
    toml.write_text(declared.read_text().replace(target, both))

    with pytest.raises(DatasetInvalid, match="a survey is of one target"):
        open_survey(ask(tmp_path), find_parts(str(toml)))
    named = find_parts(f"{toml}@wind_speed_10m_mean")
    assert open_survey(ask(tmp_path), named) == ["s00000", "s00001", "s00002"]


def test_stations_of_one_file_are_no_survey(declared, tmp_path):
    toml = declared.parent / "one.toml"
    lines = [line for line in declared.read_text().split("\n") if not line.startswith("source")]
    head = 'station_column = "who"\nsource = { kind = "csv", paths = ["all.csv"] }'
    toml.write_text("\n".join([lines[0], head, *lines[1:]]))

    with pytest.raises(DatasetInvalid, match="a source for each station"):
        open_survey(ask(tmp_path), find_parts(str(toml)))


def test_a_survey_without_a_station_left_says_why(declared, tmp_path):
    with pytest.raises(NoStationLeft, match="no station is left of 1") as refusal:
        run_survey(ask(tmp_path), find_parts(f"{declared}#s00002"), here, str)
    assert refusal.value.found.startswith("s00002: DATA_REFUSED: ")


def told_by_hand(refuse):
    """Tell what each step tells, with no work done, and refuse those that are named."""
    told = {"mean_mae": 1.0, "rival_mae": 2.0, "promoted": True, "timezone": "UTC"}
    why = {REFUSED: {"code": "DATA_REFUSED", "message": "by hand"}}

    def scatter(step, _survey, stations):
        for name in stations:
            yield name, why if (step.__name__, name) in refuse else told

    return scatter


@pytest.mark.parametrize("step", ["draw_station", "judge_station", "forecast_station"])
def test_a_survey_whose_last_station_is_refused_late_says_so_too(
    declared, tmp_path, monkeypatch, step
):
    monkeypatch.setattr(run, "share_rows", lambda _survey, checked: list(checked))
    monkeypatch.setattr(run, "train_members", lambda _survey: [])
    every = {(step, f"s0000{place}") for place in range(3)}

    with pytest.raises(NoStationLeft, match="no station is left of 3"):
        run_survey(ask(tmp_path), find_parts(str(declared)), told_by_hand(every), str)


def test_a_station_without_a_forecast_is_counted_as_refused_only(declared, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "share_rows", lambda _survey, checked: list(checked))
    monkeypatch.setattr(run, "train_members", lambda _survey: [])
    late = told_by_hand({("forecast_station", "s00001")})

    outcome = run_survey(ask(tmp_path), find_parts(str(declared)), late, str)

    assert (outcome["stations"], outcome["would_be_promoted"]) == (2, 2)
    assert list(outcome["refused"]) == ["s00001"]


def test_the_verb_gives_the_same_bytes_in_another_order_of_stations(
    surveyed, declared, tmp_path, monkeypatch, capsys
):
    asked, outcome, _ = surveyed
    again = ask(tmp_path)
    monkeypatch.setenv("GATECAST_HOME", str(tmp_path))
    monkeypatch.setattr("sys.stderr", StringIO())

    code = survey_verb(str(declared), windows=32, json=True)

    assert code == 1  # a station was refused
    told = json.loads(capsys.readouterr().out)
    assert list(told.pop("refused")) == ["s00002"]
    run_id = told.pop("run")
    assert told.pop("runs") == {"s00000": run_id, "s00001": run_id}
    assert told == {name: outcome[name] for name in told} | {"folder": str(again.folder)}
    for one in sorted(asked.weights.iterdir()):
        assert one.read_bytes() == (again.weights / one.name).read_bytes()
    for name in ("s00000", "s00001"):
        graph = "model.onnx"
        assert (asked.model(name) / graph).read_bytes() == (again.model(name) / graph).read_bytes()
