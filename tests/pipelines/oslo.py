"""A small station for the pipelines' tests: its series, its plan, and hand-made graphs."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from data_checks.verdict import Admission
from forecasting.climate.model import LEVELS
from forecasting.climate.series import ClimateSeries, Station, Variable
from forecasting.climate.windows import Blocks, WindowSpec
from forecasting.stores.published import ModelCard
from pipelines.workspace import Plan

DATASET = """
name = "oslo"
history = 10
horizon = 1
target = "temperature_2m_mean"
source = { kind = "csv", paths = ["oslo.csv"] }
station = { latitude = 59.9, longitude = 10.7, timezone = "Europe/Oslo" }
[columns]
temp = { variable = "temperature_2m_mean", unit = "°C", lower = -400, upper = 400, max_jump = 400 }
wind = { variable = "wind_speed_10m_mean", unit = "m/s", lower = -60, upper = 60, max_jump = 400 }
"""

WINDOW = WindowSpec(history=10, horizon=1)
ROWS = 460


def surprises(rows):
    """What nobody can know of each day's change, up in one twenty of days and down in the next."""
    sizes = np.zeros(20)
    sizes[[0, 5, 10, 15]] = [4.0, -2.0, 2.0, -2.0]
    days = np.arange(rows)
    return np.where(days // 20 % 2, -1.0, 1.0) * sizes[days % 20]


def make_series(rows=ROWS, *, seed=0):
    """A target whose change of tomorrow stands in the wind of today: only a graph can know it.

    But for surprises: of twenty days three are 2 °C off and one is 4 °C off, so that intervals
    of 1 and 3 °C to either side hold 80 and 95 % of them.
    """
    rng = np.random.default_rng(seed)
    change = rng.normal(0.0, 3.0, rows + 1)
    target = 15 + np.cumsum(change[:rows] + surprises(rows))
    values = np.column_stack([target, change[1:]]).astype(np.float32)
    return ClimateSeries(
        station=Station(name="oslo", latitude=59.9, longitude=10.7, timezone="Europe/Oslo"),
        variables=(
            Variable(name="temperature_2m_mean", unit="°C", lower=-400, upper=400),
            Variable(name="wind_speed_10m_mean", unit="m/s", lower=-60, upper=60),
        ),
        target="temperature_2m_mean",
        start=datetime(2012, 1, 1, tzinfo=UTC),
        values=values,
        observed=np.isfinite(values),
    )


def make_graph(*, wrong_by=0.0, spoiled=None):
    """A graph that forecasts tomorrow as well as it can be known, but for `wrong_by` °C.

    `spoiled` is "nan", "unordered", "random" or "batch": what a smoke test has to find.
    """
    offsets = wrong_by + np.array([-3.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 3.0])
    offsets = {"nan": offsets * np.nan, "unordered": offsets[::-1]}.get(spoiled, offsets)
    tails = {
        "random": [
            helper.make_node("RandomNormalLike", ["exact"], ["noise"], scale=1e-5),
            helper.make_node("Add", ["exact", "noise"], ["quantiles"]),
        ],
        "batch": [
            helper.make_node("ReduceMean", ["exact"], ["mean"], axes=[0], keepdims=1),
            helper.make_node("Add", ["exact", "mean"], ["quantiles"]),
        ],
    }
    nodes = [
        helper.make_node("Gather", ["history", "last"], ["today"], axis=1),
        helper.make_node("ReduceSum", ["today", "columns"], ["tomorrow"], keepdims=1),
        helper.make_node("Cast", ["origin"], ["moment"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["moment", "cube"], ["moments"]),
        helper.make_node("Mul", ["moments", "zero"], ["nothing"]),
        helper.make_node("Add", ["tomorrow", "nothing"], ["level"]),
        helper.make_node("Add", ["level", "offsets"], ["exact"]),
        *tails.get(spoiled, [helper.make_node("Identity", ["exact"], ["quantiles"])]),
    ]
    constants = {
        "last": np.array([WINDOW.history - 1]),
        "columns": np.array([2]),
        "cube": np.array([-1, 1, 1]),
        "zero": np.float32(0),
        "offsets": offsets.astype(np.float32).reshape(1, 1, -1),
    }
    shape = ["batch", WINDOW.history, 2]
    graph = helper.make_graph(
        nodes,
        "exact",
        [
            helper.make_tensor_value_info("history", TensorProto.FLOAT, shape),
            helper.make_tensor_value_info("origin", TensorProto.INT64, ["batch"]),
        ],
        [helper.make_tensor_value_info("quantiles", TensorProto.FLOAT, ["batch", 1, len(LEVELS)])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def make_card(**changes):
    """The card of a hand-made graph."""
    card = ModelCard(
        model="climate-oslo",
        station="oslo",
        target="temperature_2m_mean",
        unit="°C",
        variables=("temperature_2m_mean", "wind_speed_10m_mean"),
        history=WINDOW.history,
        horizon=WINDOW.horizon,
        levels=LEVELS,
        step_seconds=86_400,
        cell="gru",
        members=1,
        parameters=12,
        trained_through="2012-09-30",
        data_sha256="d" * 64,
        run_id="run-1",
    )
    return replace(card, **changes)


def make_admission(series, report):
    """The accepting verdict on a series."""
    return Admission(
        dataset="oslo",
        series=series,
        accepted=len(series),
        quarantined=0,
        missing_days=0,
        reasons=(),
        verdict="accepted",
        report=report,
        files_sha256=("f" * 64,),
        data_sha256=series.sha256,
        expectations=(),
    )


def make_plan(series, **changes):
    """The plan of a quick retraining on a series."""
    plan = Plan(
        station="oslo",
        data_sha256=series.sha256,
        preset="quick",
        seed=1,
        window=WINDOW,
        blocks=Blocks.of(len(series), WINDOW),
    )
    return replace(plan, **changes)
