"""Small real graphs, stations and clients for the serving tests."""

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import onnx
import pytest
from fastapi.testclient import TestClient
from onnx import TensorProto, helper, numpy_helper

from forecasting.stores.climatologies import ClimatologyTable
from forecasting.stores.published import CARD, GRAPH, ModelCard, Pointer, publish, write_manifest
from forecasting.stores.stations import (
    RecentDays,
    StationCard,
    StationRecord,
    VariableCard,
    write_station,
)
from serving.app import create_app
from serving.settings import ServingSettings

MODEL_CARD = ModelCard(
    model="climate-seattle",
    station="seattle",
    target="temperature_2m_mean",
    unit="°C",
    variables=("temperature_2m_mean", "precipitation_sum"),
    history=60,
    horizon=7,
    levels=(0.025, 0.1, 0.5, 0.9, 0.975),
    step_seconds=86_400,
    cell="gru",
    members=5,
    parameters=1234,
    trained_through="2015-09-30",
    data_sha256="d" * 64,
    run_id="run-1",
    skill_horizon=6,
)


def _constant(name, values, kind=np.float32):
    return numpy_helper.from_array(np.array(values, kind), name)


def _offsets(card, offset):
    """(1, horizon, levels): wider with the lead, in order along the levels."""
    leads = np.arange(1, card.horizon + 1)[:, None]
    levels = np.array(card.levels)[None, :]
    return (offset + 0.1 * leads + (levels - 0.5) * (4 + leads))[None]


def make_graph(card, *, offset=0.0, spoiled=None):
    """The last valid target, a little of the origin's day, and fixed offsets a lead and level.

    Where that last value is above zero, `spoiled` replaces the output by "nan" or "unordered".
    """
    spoiling = {
        None: _offsets(card, offset),
        "nan": np.full((1, card.horizon, len(card.levels)), np.nan),
        "unordered": _offsets(card, offset)[:, :, ::-1],
    }
    column = card.variables.index(card.target)
    constants = [
        _constant("column", column, np.int64),
        _constant("positions", np.arange(card.history)[None]),
        _constant("none", -1.0),
        _constant("zero", 0.0),
        _constant("last_axis", [1], np.int64),
        _constant("cube", [-1, 1, 1], np.int64),
        _constant("day_seconds", 86_400, np.int64),
        _constant("hundred", 100, np.int64),
        _constant("hundredth", 0.01),
        _constant("offsets", _offsets(card, offset)),
        _constant("spoiling", spoiling[spoiled]),
    ]
    nodes = [
        helper.make_node("Gather", ["history", "column"], ["target"], axis=2),
        helper.make_node("IsNaN", ["target"], ["gaps"]),
        helper.make_node("Where", ["gaps", "none", "positions"], ["seen"]),
        helper.make_node("ArgMax", ["seen"], ["last_position"], axis=1, keepdims=1),
        helper.make_node("GatherElements", ["target", "last_position"], ["last_raw"], axis=1),
        helper.make_node("IsNaN", ["last_raw"], ["unknown"]),
        helper.make_node("Where", ["unknown", "zero", "last_raw"], ["last_flat"]),
        helper.make_node("Reshape", ["last_flat", "cube"], ["last"]),
        helper.make_node("Div", ["origin", "day_seconds"], ["day"]),
        helper.make_node("Mod", ["day", "hundred"], ["day_of_hundred"]),
        helper.make_node("Cast", ["day_of_hundred"], ["day_float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["day_float", "hundredth"], ["season_flat"]),
        helper.make_node("Reshape", ["season_flat", "cube"], ["season"]),
        helper.make_node("Greater", ["last", "zero"], ["warm"]),
        helper.make_node("Where", ["warm", "spoiling", "offsets"], ["chosen"]),
        helper.make_node("Add", ["last", "season"], ["level"]),
        helper.make_node("Add", ["level", "chosen"], ["quantiles"]),
    ]
    graph = helper.make_graph(
        nodes,
        "last-value",
        [
            helper.make_tensor_value_info(
                "history", TensorProto.FLOAT, ["batch", card.history, len(card.variables)]
            ),
            helper.make_tensor_value_info("origin", TensorProto.INT64, ["batch"]),
        ],
        [
            helper.make_tensor_value_info(
                "quantiles", TensorProto.FLOAT, ["batch", card.horizon, len(card.levels)]
            )
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def make_station(name="seattle", *, days=90, last=date(2015, 12, 31), gaps=()):
    """A station whose target climbs by a tenth a day, with None at the positions of `gaps`."""
    time = tuple((last - timedelta(days=days - 1 - step)).isoformat() for step in range(days))
    target = tuple(None if step in gaps else round(2 + 0.1 * step, 1) for step in range(days))
    return StationRecord(
        card=StationCard(
            name=name,
            latitude=47.45,
            longitude=-122.31,
            timezone="America/Los_Angeles",
            target="temperature_2m_mean",
            variables=(
                VariableCard(name="temperature_2m_mean", unit="°C", lower=-40, upper=50),
                VariableCard(name="precipitation_sum", unit="mm", lower=0, upper=500),
            ),
            step_seconds=86_400,
            history=60,
            horizon=7,
            licence="public domain",
            attribution="NOAA",
        ),
        recent=RecentDays(
            data_sha256="e" * 64,
            time=time,
            values={
                "temperature_2m_mean": target,
                "precipitation_sum": tuple(float(step % 5) for step in range(days)),
            },
            quarantined={},
        ),
    )


@pytest.fixture
def model_card() -> ModelCard:
    return MODEL_CARD


@pytest.fixture
def graph_of() -> Callable[..., bytes]:
    return make_graph


@pytest.fixture
def station_of() -> Callable[..., StationRecord]:
    return make_station


@pytest.fixture
def record() -> StationRecord:
    return make_station()


@pytest.fixture
def home(tmp_path) -> Path:
    """A home folder that knows Seattle and has no champion."""
    home = tmp_path / "home"
    write_station(home, make_station())
    return home


@pytest.fixture
def version_files(tmp_path) -> Callable[..., Path]:
    """Write the files of one version, whole and with their manifest; returns the folder."""

    def write(name="files", *, card=MODEL_CARD, graph=None, **graph_options) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / GRAPH).write_bytes(graph or make_graph(card, **graph_options))
        (folder / CARD).write_text(json.dumps(asdict(card)))
        write_manifest(folder)
        return folder

    return write


@pytest.fixture(scope="module")
def seattle_home(tmp_path_factory) -> Path:
    """A home with a champion of Seattle, and in Oslo nothing but what is usual; only to be read."""
    folder = tmp_path_factory.mktemp("seattle")
    files = folder / "files"
    files.mkdir()
    (files / GRAPH).write_bytes(make_graph(MODEL_CARD))
    (files / CARD).write_text(json.dumps(asdict(MODEL_CARD)))
    write_manifest(files)
    home = folder / "home"
    usual = ClimatologyTable(
        levels=MODEL_CARD.levels,
        course=(10.0,) * 366,
        offsets=((-3.0, -1.0, 0.0, 1.0, 3.0),) * 12,
        step_seconds=86_400,
        through="2015-12-31",
    )
    write_station(home, make_station())
    write_station(home, replace(make_station("oslo"), climatologies={MODEL_CARD.target: usual}))
    publish(home, files, version=1, alias="champion", run_id="run-1")
    return home


@pytest.fixture
def promote(home, version_files) -> Callable[..., Pointer]:
    """Publish a version as the champion of the home folder."""

    def publish_version(version=1, *, card=MODEL_CARD, **options) -> Pointer:
        card = replace(card, run_id=f"run-{version}")
        files = version_files(f"{card.model}-{version}", card=card, **options)
        return publish(home, files, version=version, alias="champion", run_id=card.run_id)

    return publish_version


@pytest.fixture
def settings(home) -> ServingSettings:
    return ServingSettings(
        home=home, poll_seconds=0.02, heal=False, rich_charts=False, hosts=("testserver",)
    )


@pytest.fixture
def client(settings) -> Iterator[TestClient]:
    """A client of the app; what a test promotes before its first request is live."""
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        assert client.app.state.parts.watcher.wait(10)
        yield client


@pytest.fixture
def look(client) -> Callable[[], None]:
    """Let the app look at the home folder now, not at its next poll."""

    def look_now() -> None:
        client.app.state.parts.champions.refresh()
        client.app.state.parts.records.refresh()

    return look_now


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
