import json

import numpy as np
import pytest

from benchmarks import pooled
from benchmarks.neighbours import simulate
from forecasting.climate.recipe import RECIPES
from forecasting.climate.windows import WindowSpec
from tests.pipelines.several import write_sound


@pytest.fixture
def quickly(monkeypatch, tiny):
    """Let windows be short and the preset a tiny one."""
    monkeypatch.setattr(pooled, "WINDOW", WindowSpec(history=10, horizon=2))
    monkeypatch.setitem(RECIPES, "quick", tiny)


@pytest.mark.usefixtures("quickly")
def test_a_pool_stands_beside_each_stations_own_model(capsys):
    call = ["--rows", "400", "--stations", "2", "--json"]
    assert pooled.main(call) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["stations"]) == {"s0", "s1"}
    for each in told["stations"].values():
        losses = each["held_out"]
        assert each["chosen"] == min(losses, key=losses.get)
        assert each["best_rival"] > 0
    assert set(told["ratio"]) == {"held_out", "mean_mae", "crps"}
    pooled.print_comparison(told)
    assert "global" in capsys.readouterr().out


@pytest.mark.usefixtures("quickly")
def test_a_datasets_stations_are_admitted_before_they_are_trained_on(tmp_path):
    toml = write_sound(tmp_path, rows=60)
    asked = pooled.parse(["--dataset", str(toml), "--rows", "50"])
    stations = pooled.stations_of(asked)
    assert {name: len(series) for name, series in stations.items()} == {"seatac": 50, "tacoma": 50}


def test_one_station_is_refused(capsys):
    assert pooled.main(["--stations", "1", "--rows", "900"]) == 1
    assert "SERIES_TOO_SHORT: no pool" in capsys.readouterr().err


def test_stations_apart_have_weather_of_their_own_and_alike_ones_the_same():
    for apart in (True, False):
        one, other = (series.values[:, 1] for series in simulate(500, 2, 1, apart=apart).values())
        shared = float(np.corrcoef(one, other)[0, 1])
        assert shared < 0.5 if apart else shared > 0.9
