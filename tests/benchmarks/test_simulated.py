"""Stations whose truth is known: how they are drawn, what is asked of them, what is printed."""

import json

import numpy as np
import pytest

from benchmarks import simulated
from forecasting.errors import Diverged


def test_a_random_walk_has_steps_that_say_nothing_of_each_other():
    walk = simulated.made_up("random_walk", seed=1, rows=4000).values[:, 0]

    steps = np.diff(walk)
    assert abs(np.corrcoef(steps[1:], steps[:-1])[0, 1]) < 0.05
    assert steps.std() == pytest.approx(0.6, rel=0.05)


def test_an_autoregression_follows_its_law():
    values = simulated.made_up("autoregression", seed=1, rows=4000).values.astype(np.float64)

    wave = 10 + 12 * np.sin(np.arange(4000) * 2 * np.pi / 365.2425)
    anomaly, wind = values[:, 0] - wave, values[:, 1] - 5
    found, *_ = np.linalg.lstsq(np.column_stack([anomaly, wind])[:-1], anomaly[1:], rcond=None)
    assert found == pytest.approx([simulated.KEPT, simulated.TAKEN], abs=0.05)


def test_two_seeds_draw_two_stations_and_one_seed_the_same():
    first, again, other = (
        simulated.made_up("random_walk", seed=seed, rows=50).values for seed in (3, 3, 4)
    )

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.fixture(scope="module")
def walked(tiny):
    return simulated.ask("random_walk", 0, 60, tiny)


def test_a_station_is_judged_by_the_gate_at_as_many_origins_as_asked(walked):
    assert walked["origins"] == 60
    assert walked["ratio"] == pytest.approx(walked["gatecast_mae"] / walked["right_mae"])
    assert walked["right"] == "persistence"
    assert "persistence" not in walked["significantly_better_than"]
    assert not walked["promoted"]
    assert len(walked["coverage_80_by_lead"]) == 7


def test_the_ratios_are_printed_for_people_and_as_json(walked, monkeypatch, capsys):
    monkeypatch.setattr(simulated, "ask", lambda *_: walked)

    assert simulated.main(["--truth", "random_walk", "--seeds", "0"]) == 0
    assert f"{walked['ratio']:.4f} of persistence (at most 1.01)" in capsys.readouterr().out
    assert simulated.main(["--seeds", "0", "1", "--json", "--preset", "quick"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["recipe"] == "quick"
    assert list(said["stations"]) == ["random_walk", "autoregression"]
    assert said["stations"]["random_walk"] == [walked, walked]


def test_a_refusal_is_told_with_its_code(monkeypatch, capsys):
    def refuse(*_):
        raise Diverged("no finite loss")

    monkeypatch.setattr(simulated, "ask", refuse)

    assert simulated.main([]) == 1
    assert "DIVERGED: no finite loss" in capsys.readouterr().err
