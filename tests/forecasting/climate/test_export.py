"""The published graph says what the trained model says, in any batch, with any gaps."""

import os
import subprocess
import sys
from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from forecasting.climate.assembling import assemble
from forecasting.climate.export import GraphForecaster, write_graph
from forecasting.climate.linear import LinearForecaster
from forecasting.climate.regressors import LinearSpec
from forecasting.climate.side_by_side import regressions_of
from forecasting.climate.windows import WindowSpec, cut
from forecasting.stores.graphs import SILENCE
from forecasting.training.exporting import write_weights

BATCH = 7


@pytest.fixture
def forecast(exported):
    return GraphForecaster(exported / "model.onnx")


@pytest.fixture
def ensemble(trained):
    fitting, folder = trained
    return assemble(fitting, folder).blend


@pytest.fixture
def questions():
    """Histories with gaps, one of them nothing but gaps, and origins on both sides of 1970."""
    rng = np.random.default_rng(3)
    history = rng.normal(12, 6, (BATCH, 10, 2)).astype(np.float32)
    history[rng.random(history.shape) < 0.3] = np.nan
    history[2] = np.nan
    history[3, :, 0] = np.nan
    history[4, 5:] = np.nan
    origin = np.array([0, -86_400, 16_000, -900_000, 17_000_000, 1_480_000_000, 4_000_000_000])
    return history, origin.astype(np.int64)


def in_torch(model, history, origin):
    with torch.no_grad():
        return model(torch.from_numpy(history), torch.from_numpy(origin)).numpy()


def test_the_graph_equals_the_model_with_gaps_and_without_any_observation(
    forecast, ensemble, questions
):
    quantiles = forecast(*questions)

    assert np.isfinite(quantiles).all()
    np.testing.assert_allclose(quantiles, in_torch(ensemble, *questions), atol=1e-4, rtol=0)


def test_the_runtime_is_left_no_operation_that_only_repeats_or_measures(exported, tmp_path):
    # Each costs a forecast as much as arithmetic does.
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(exported / "model.onnx", options)

    nodes = onnx.load(tmp_path / "optimised.onnx").graph.node
    kinds = Counter(node.op_type for node in nodes)
    joined = [node for node in nodes if node.op_type == "Concat" and len(node.input) == 1]
    assert (kinds["Tile"], kinds["Shape"], joined) == (0, 0, [])


@pytest.mark.parametrize("cell", ["rnn", "irnn", "lstm", "gru"])
def test_every_cell_can_be_exported(make_forecaster, questions, tmp_path, cell):
    model = make_forecaster(cell=cell, scale=0.3)
    write_graph(model, model.spec.window, 2, tmp_path / "model.onnx")

    quantiles = GraphForecaster(tmp_path / "model.onnx")(*questions)

    np.testing.assert_allclose(quantiles, in_torch(model, *questions), atol=1e-4, rtol=0)


def test_a_forecast_alone_equals_the_one_in_a_batch_of_seven(forecast, questions):
    history, origin = questions

    together = forecast(history, origin)

    alone = np.concatenate([forecast(history[[i]], origin[[i]]) for i in range(BATCH)])
    np.testing.assert_allclose(alone, together, atol=1e-4, rtol=0)


class Regressing(nn.Module):
    """Regressions asked together, as a blend asks them: (batch, horizon, regressions)."""

    def __init__(self, spec, count):
        super().__init__()
        self.models = nn.ModuleList(LinearForecaster(spec) for _ in range(count))
        generator = torch.Generator().manual_seed(2)
        for name, numbers in self.named_buffers():
            if "offsets" not in name:
                numbers.copy_(torch.randn(numbers.shape, generator=generator))

    def forward(self, history, origin):
        return regressions_of(list(self.models), history, origin).permute(1, 2, 0)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("variables", [1, 2, 5])
def test_a_regression_s_bits_do_not_hang_on_how_many_histories_are_asked(
    variables, count, tmp_path
):
    window = WindowSpec(history=60, horizon=7)
    spec = LinearSpec(
        variables=variables, target=0, window=window, step_seconds=86_400, recentred=False
    )
    write_graph(Regressing(spec, count), window, variables, tmp_path / "model.onnx")
    forecast = GraphForecaster(tmp_path / "model.onnx")
    rng = np.random.default_rng(5)
    history = rng.normal(12, 6, (BATCH, 60, variables)).astype(np.float32)
    history[rng.random(history.shape) < 0.1] = np.nan
    origin = np.arange(BATCH) * 86_400 * 45

    together = forecast(history, origin)

    alone = np.concatenate([forecast(history[[i]], origin[[i]]) for i in range(BATCH)])
    assert alone.tobytes() == together.tobytes()


@pytest.mark.parametrize("batch", [1, 7])
def test_two_equal_calls_give_equal_bits(forecast, questions, batch):
    history, origin = (part[:batch] for part in questions)

    assert forecast(history, origin).tobytes() == forecast(history, origin).tobytes()


def test_the_batch_axis_is_free_and_the_others_are_named(forecast):
    session = forecast.session

    shapes = {put.name: put.shape for put in (*session.get_inputs(), *session.get_outputs())}

    assert shapes["history"] == ["batch", 10, 2]
    assert shapes["origin"] == ["batch"]
    assert shapes["quantiles"][0] == "batch"
    for batch in (1, 2, 13):
        history = np.zeros((batch, 10, 2), np.float32)
        assert forecast(history, np.zeros(batch, np.int64)).shape == (batch, 3, 9)


def test_a_history_of_another_length_is_refused_by_the_graph(forecast):
    from onnxruntime.capi import (  # noqa: PLC0415 - the forecaster has silenced it
        onnxruntime_pybind11_state as state,
    )

    with pytest.raises(state.InvalidArgument, match="Got: 9 Expected: 10"):
        forecast(np.zeros((1, 9, 2), np.float32), np.zeros(1, np.int64))


def test_every_origin_is_forecast_in_batches(trained, forecast):
    fitting, _ = trained
    windows = cut(fitting.series, fitting.window, range(100, 150))

    np.testing.assert_allclose(
        forecast.at(windows, batch=7), forecast.at(windows), atol=1e-4, rtol=0
    )
    assert forecast.at(windows).shape == (50, 3, 9)


def test_the_graph_is_one_file_that_names_no_other(exported):
    content = (exported / "model.onnx").read_bytes()

    assert b"external_data" not in content
    assert len(content) > 1_000


def test_exporting_changes_no_weight_and_leaves_the_model_in_evaluation(ensemble, tmp_path):
    before = {name: weight.clone() for name, weight in ensemble.state_dict().items()}

    write_graph(ensemble, ensemble.members[0].spec.window, 2, tmp_path / "model.onnx")

    assert not ensemble.training
    assert all(torch.equal(weight, before[name]) for name, weight in ensemble.state_dict().items())


def test_the_weights_beside_the_graph_are_the_models(exported, ensemble, tmp_path):
    weights = load_file(exported / "weights.safetensors")

    assert weights.keys() == ensemble.state_dict().keys()
    assert all(torch.equal(weights[name], own) for name, own in ensemble.state_dict().items())
    write_weights(ensemble, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (
        exported / "weights.safetensors"
    ).read_bytes()


def test_the_graph_runs_in_a_process_without_torch(exported, forecast, questions, tmp_path):
    history, origin = questions
    np.savez(tmp_path / "questions.npz", history=history, origin=origin)
    script = (
        "import sys, numpy, onnxruntime; sys.modules['torch'] = None\n"
        "asked = numpy.load(sys.argv[2])\n"
        "session = onnxruntime.InferenceSession(sys.argv[1])\n"
        "numpy.save(sys.argv[3], session.run(None, dict(asked))[0])\n"
    )

    subprocess.run(
        [sys.executable, "-c", script, exported / "model.onnx", tmp_path / "questions.npz",
         tmp_path / "answers.npy"],
        env={**os.environ, **SILENCE}, check=True, timeout=60,
    )  # fmt: skip

    answers = np.load(tmp_path / "answers.npy")
    np.testing.assert_allclose(answers, forecast(history, origin), atol=1e-4, rtol=0)
