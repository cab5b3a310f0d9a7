import json
import math

import pytest
import torch
from torch import nn

from benchmarks import accuracy
from benchmarks.contest import TOLD, Contest, best_rival, told
from benchmarks.networks import NetworkTask, View
from benchmarks.rivals.exchange import Answer
from forecasting.climate.baselines import fit_baselines
from forecasting.climate.scaling import fit_scaler
from forecasting.climate.windows import cut
from tests.benchmarks.conftest import WINDOW, make_station

POINTS_ONLY = ("crps", "coverage_80_by_lead", "coverage_95_by_lead", "width_80_by_lead")


@pytest.fixture(scope="module")
def contest(protocol, tiny):
    """What the fast contest gave on the small station, and what it said on the way."""
    said = []
    return Contest(protocol=protocol, watch=said.append, recipe=tiny).run(), said


def test_every_model_is_scored_with_every_key(contest, protocol):
    found, said = contest
    simple = fit_baselines(protocol.series, protocol.train, protocol.window).rivals()
    networks = {"feed_forward_last_day", "feed_forward_window", "elman"}
    assert set(found["models"]) == {"gatecast", *simple, *networks} == set(said)
    for model in found["models"].values():
        assert set(model) == {*TOLD, "fit_seconds"}
        assert len(model["mae_by_lead"]) == len(model["rmse_by_lead"]) == 3
        assert model["mean_mae"] == pytest.approx(sum(model["mae_by_lead"]) / 3)
    json.dumps(found, allow_nan=False)


def test_only_gatecast_states_intervals_among_the_fast_models(contest):
    models = dict(contest[0]["models"])
    ours = models.pop("gatecast")
    assert all(0 <= share <= 1 for share in ours["coverage_80_by_lead"])
    pairs = zip(ours["width_80_by_lead"], ours["width_95_by_lead"], strict=True)
    assert all(0 < inner < outer for inner, outer in pairs)
    assert all(model[key] is None for model in models.values() for key in POINTS_ONLY)


def test_the_ratio_is_to_the_rival_with_the_least_mean_error(contest):
    found, _ = contest
    errors = {name: model["mean_mae"] for name, model in found["models"].items()}
    ours = errors.pop("gatecast")
    assert errors[found["best_rival"]] == min(errors.values())
    assert found["ratio_to_best_rival"] == ours / min(errors.values())


def test_a_network_learns_what_the_season_cannot_tell(contest):
    models = contest[0]["models"]
    for name in ("feed_forward_last_day", "elman"):
        assert models[name]["mean_mae"] < models["climatology"]["mean_mae"]


def test_a_network_trains_on_no_window_without_a_target():
    series = make_station(gaps=[(row, 0) for row in range(100, 140)])
    view = View(scaler=fit_scaler(series, 400, 3), column=0, step_seconds=86_400, residual=True)
    windows = cut(series, WINDOW, WINDOW.origins(0, 400))
    inputs, target = NetworkTask(nn.Identity(), view, (windows, windows)).train
    assert len(inputs) == len(target) == len(windows) - 38
    assert torch.isfinite(target).any(dim=1).all()


def test_a_model_without_a_forecast_at_some_lead_has_no_mean_and_is_no_rival(protocol):
    forecast = protocol.windows.target.astype(float)
    forecast[:, 1:] = math.nan
    model = told(protocol, Answer(forecast=forecast, fit_seconds=1.0))
    assert model["mae_by_lead"] == [0.0, None, None]
    assert model["mean_mae"] is None
    assert best_rival({"gatecast": model, "one": model, "two": {"mean_mae": 1.0}}) == "two"


def test_the_table_names_every_model_once_and_the_best_rival(contest, capsys):
    found, _ = contest
    accuracy.print_contest(found)
    shown = capsys.readouterr().out
    assert shown.count("damped anomaly") == 2
    assert f"of the best rival's error ({found['best_rival']})" in shown


def test_the_rivals_are_refused_without_their_environment(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.outside.ROOT", tmp_path)
    assert accuracy.main(["--rivals", "all"]) == 1
    said = capsys.readouterr()
    assert "run `make rivals`" in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--origins", "0"], 2), (["--rivals", "some"], 2), (["--train-rows", "x"], 2), (["-x"], 2)],
)
def test_a_wrong_call_ends_with_2(arguments, code, capsys):
    with pytest.raises(SystemExit) as ended:
        accuracy.main(arguments)
    assert ended.value.code == code
    assert "usage" in capsys.readouterr().err


def test_an_unknown_dataset_is_refused_with_its_code(capsys):
    assert accuracy.main(["--dataset", "atlantis"]) == 1
    assert "DATASET_UNKNOWN" in capsys.readouterr().err
