"""Stations beside the usual one: far horizons, short and long histories, hours; all trained."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting.climate.export import GraphForecaster
from forecasting.climate.recipe import RECIPES
from forecasting.stores.published import GRAPH
from forecasting.stores.stations import read_station
from pipelines import admitting, fitting, judging
from pipelines.workspace import read_plan

DECLARATION = """
name = "coast"
step = "{step}"
history = {history}
horizon = {horizon}
target = "temperature_2m"
source = {{ kind = "csv", paths = ["coast.csv"] }}
station = {{ latitude = 57.0, longitude = 11.9, timezone = "UTC" }}
[columns]
temp = {{ variable = "temperature_2m", unit = "°C" }}
wind = {{ variable = "wind_speed_10m", unit = "m/s" }}
"""
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def declare(tmp_path):
    """Write a made-up station with a year and a day in it; returns the path of its TOML."""

    def build(*, rows, history, horizon, step="day"):
        length = timedelta(hours=1) if step == "hour" else timedelta(days=1)
        labels = [BEGIN + row * length for row in range(rows)]
        days = np.arange(rows) * (length / timedelta(days=1))
        rng = np.random.default_rng(3)
        noise = np.convolve(rng.normal(0, 1, rows + 4), np.ones(5) / 2, mode="valid")
        temp = 8 - 9 * np.cos(2 * np.pi * days / 365.25) + noise
        if step == "hour":
            temp += 4 * np.sin(2 * np.pi * days)
        wind = 4 + rng.uniform(0, 3, rows)
        spell = "%Y-%m-%dT%H:%M" if step == "hour" else "%Y-%m-%d"
        lines = [
            f"{label:{spell}},{warm:.3f},{blow:.3f}"
            for label, warm, blow in zip(labels, temp, wind, strict=True)
        ]
        (tmp_path / "coast.csv").write_text("\n".join(["date,temp,wind", *lines]) + "\n")
        toml = tmp_path / "coast.toml"
        toml.write_text(DECLARATION.format(step=step, history=history, horizon=horizon))
        return toml

    return build


@pytest.fixture
def admit(settings):
    """Land, check and accept a station's file; returns the data's SHA-256."""

    def run(toml):
        files = admitting.land_files(settings, str(toml), [])
        admission = admitting.admit_files(settings, str(toml), files)
        return admitting.accept(settings, str(toml), admission)

    return run


@pytest.fixture
def retrain(settings, admit, monkeypatch):
    """Take a station through every step up to the verdict, with one tiny candidate."""
    quick = RECIPES["quick"]
    training = replace(quick.training, epochs=2)
    monkeypatch.setitem(RECIPES, "quick", replace(quick, widths=(4,), head=4, training=training))

    def run(toml):
        folder = admitting.divide(settings, str(toml), admit(toml), "quick", 1)
        plan = read_plan(folder)
        cell = quick.cells[-1]
        assert fitting.main([str(settings.root), str(folder), cell]) == 0
        judging.export_candidate(settings, plan, folder / cell)
        trial = judging.trial_of(settings, plan)
        champion, verdict = judging.judge_against_champion(
            settings, trial, plan.model, folder / cell / GRAPH
        )
        assert champion is None
        return trial, verdict, GraphForecaster(folder / cell / GRAPH).at(trial.gate)

    return run


@pytest.mark.parametrize(
    ("rows", "history", "horizon"), [(800, 20, 16), (500, 1, 1), (1700, 450, 2)]
)
def test_any_history_and_horizon_is_retrained_and_forecasts_every_lead(
    declare, retrain, settings, rows, history, horizon
):
    trial, verdict, quantiles = retrain(declare(rows=rows, history=history, horizon=horizon))
    scores = verdict.evidence.candidate
    assert quantiles.shape == (len(trial.gate), horizon, len(trial.levels))
    assert np.isfinite(quantiles).all()
    assert len(scores.mae_by_lead) == horizon
    assert scores.mean_mae < 3
    assert len(read_station(settings.root, "coast").recent.time) >= history


def test_a_station_of_hours_is_retrained_and_remembered_by_its_hours(declare, retrain, settings):
    toml = declare(rows=1500, history=48, horizon=24, step="hour")
    trial, verdict, quantiles = retrain(toml)
    evidence, record = verdict.evidence, read_station(settings.root, "coast")
    assert trial.series.step == timedelta(hours=1)
    assert quantiles.shape == (len(trial.gate), 24, len(trial.levels))
    assert np.isfinite(quantiles).all()
    # The day's course is foreseen: half a day ahead, that of the hour now is the wrong one.
    half_a_day = 11
    ours = evidence.candidate.mae_by_lead[half_a_day]
    assert ours < 0.5 * evidence.rivals["persistence"].mae_by_lead[half_a_day]
    assert record.card.step_seconds == 3600
    assert record.recent.time[-2:] == ("2020-03-03T10:00", "2020-03-03T11:00")


def test_a_refused_hour_is_marked_by_its_own_label(declare, admit, settings):
    toml = declare(rows=200, history=48, horizon=24, step="hour")
    path = toml.with_suffix(".csv")
    lines = path.read_text().split("\n")
    label, _, wind = lines[150].split(",")
    lines[150] = f"{label},99,{wind}"
    path.write_text("\n".join(lines))
    admit(toml)
    recent = read_station(settings.root, "coast").recent
    assert recent.quarantined["temperature_2m"] == (label,)
    assert recent.values["temperature_2m"][recent.time.index(label)] is None


@pytest.mark.parametrize(
    ("variable", "unit"),
    [
        ("wind_speed_10m", "km/h"),
        ("precipitation_sum", "mm"),
        ("river_discharge", "m³/s"),
        ("uv_index", "1"),
    ],
)
def test_any_numeric_variable_can_be_the_target(declare, retrain, variable, unit):
    toml = declare(rows=460, history=10, horizon=2)
    text = toml.read_text().replace('target = "temperature_2m"', f'target = "{variable}"')
    declared = f'"{variable}", unit = "{unit}", lower = 0, upper = 200'
    toml.write_text(text.replace('"wind_speed_10m", unit = "m/s"', declared))
    trial, verdict, quantiles = retrain(toml)
    assert trial.series.names == (variable, "temperature_2m")
    assert trial.series.target == variable
    assert np.isfinite(quantiles).all()
    # The made-up values are evenly spread over 3 of the file's unit: nothing errs by less than
    # a quarter of that on average, and nothing sound by much more.
    spread = 3 / 3.6 if unit == "km/h" else 3
    assert 0.2 * spread < verdict.evidence.candidate.mean_mae < 0.35 * spread
