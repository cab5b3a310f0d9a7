"""Laws of every forecast over HTTP: ordered, finite, in any unit, deaf to what is too old."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import date, timedelta

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecasting.climate.baselines import fit_baselines
from forecasting.climate.blending import Blend, BlendWeights
from forecasting.climate.export import write_graph
from forecasting.climate.model import ClimateForecaster, ForecasterSpec, Statistics
from forecasting.climate.scaling import fit_scaler
from forecasting.climate.windows import WindowSpec
from forecasting.stores.published import CARD, GRAPH, publish, write_manifest
from forecasting.stores.stations import write_station
from serving.app import create_app
from serving.settings import ServingSettings
from serving.trying import MOST_TOGETHER
from tests.properties.stations import series_of
from tests.serving.conftest import MODEL_CARD, make_station

TARGET, OTHER = MODEL_CARD.variables
STEPS, LAST = MODEL_CARD.history, date(2015, 12, 31)

#: A client that is kept between examples sees no state of theirs.
SHARED = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def network():
    """A whole blend, as it is published: members of both cells with drawn weights, and rivals."""
    rng = np.random.default_rng(5)
    days = np.arange(800)
    weather = 10 + 8 * np.sin(2 * np.pi * days / 365.25) + rng.normal(0, 2, 800)
    series = series_of(np.stack([weather, rng.gamma(1, 3, 800)], axis=1).astype(np.float32))
    window = WindowSpec(history=STEPS, horizon=MODEL_CARD.horizon)
    rivals = fit_baselines(series, 700, window)
    known = Statistics(
        scaler=fit_scaler(series, 700, window.horizon),
        climatology=rivals.climatology,
        linear=rivals.recentred,
    )
    members = [
        ClimateForecaster(
            ForecasterSpec(
                cell=cell, widths=(6,), variables=2, target=0, head=6, window=window,
                step_seconds=86_400, levels=MODEL_CARD.levels,
            ),
            known,
        )
        for cell in ("lstm", "gru")
    ]  # fmt: skip
    blend = Blend(members, rivals, BlendWeights.even(members[0].spec))
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in blend.parameters():
            weight.normal_(0, 0.5, generator=generator)
    return blend.eval(), window


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A client of the app with a real network as its champion."""
    home = tmp_path_factory.mktemp("home")
    files = tmp_path_factory.mktemp("files")
    write_station(home, make_station())
    blend, window = network()
    write_graph(blend, window, 2, files / GRAPH)
    (files / CARD).write_text(json.dumps(asdict(MODEL_CARD)))
    write_manifest(files)
    publish(home, files, version=1, alias="champion", run_id="run-1")
    asked = ServingSettings(home=home, heal=False, hosts=("testserver",))
    with TestClient(create_app(asked)) as client:
        yield client


@st.composite
def columns(draw, *, steps=STEPS):
    """Values of both variables within their bounds, with gaps; at least one of the target."""
    seed, gaps = draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from([0.0, 0.1, 0.9]))
    low, high = draw(st.sampled_from([(-40.0, 50.0), (0.0, 0.0), (49.0, 50.0), (5.0, 12.0)]))
    rng = np.random.default_rng(seed)
    values = np.stack([rng.uniform(low, high, steps), rng.uniform(0, 500, steps)], axis=1)
    values[rng.random((steps, 2)) < gaps] = np.nan
    values[-1, 0] = draw(st.floats(-40, 50))
    return values


def body_of(values, **words):
    """A question after these values, the last of them on the last day of 2015."""
    days = [
        (LAST - timedelta(days=len(values) - 1 - step)).isoformat() for step in range(len(values))
    ]
    history = {"time": days}
    for name, column in zip((TARGET, OTHER), values.T, strict=True):
        history[name] = [None if np.isnan(value) else float(value) for value in column]
    return {"station": "seattle", "history": history, **words}


def quantiles_of(answer):
    """(leads, levels), ascending, from an answer's columns."""
    daily = {name: values for name, values in answer.json()["daily"].items() if name != "time"}
    median, *others = daily
    half = len(others) // 2
    return np.array([daily[name] for name in [*others[:half], median, *others[half:]]]).T


@SHARED
@given(values=columns())
def test_quantiles_are_finite_and_ordered_for_any_history_within_bounds(client, values):
    answer = client.post("/v1/forecast", json=body_of(values))

    assert answer.status_code == 200, answer.text
    quantiles = quantiles_of(answer)
    assert quantiles.shape == (MODEL_CARD.horizon, len(MODEL_CARD.levels))
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()


@SHARED
@given(values=columns(steps=100), older=st.integers(0, 40))
def test_what_is_older_than_the_model_s_history_changes_no_byte(client, values, older):
    needed = client.post("/v1/forecast", json=body_of(values[-STEPS:]))
    more = client.post("/v1/forecast", json=body_of(values[-STEPS - older :]))

    assert more.content == needed.content


@SHARED
@given(values=columns())
def test_a_forecast_in_fahrenheit_is_the_one_in_celsius(client, values):
    celsius = client.post("/v1/forecast", json=body_of(values))
    fahrenheit = client.post("/v1/forecast", json=body_of(values, temperature_unit="fahrenheit"))

    assert fahrenheit.json()["daily_units"][TARGET] == "°F"
    expected = quantiles_of(celsius) * 9 / 5 + 32
    # Both are rounded to four decimals, the one before it is converted.
    np.testing.assert_allclose(quantiles_of(fahrenheit), expected, atol=2e-4, rtol=0)
    assert (np.diff(quantiles_of(fahrenheit), axis=1) >= 0).all()


@SHARED
@given(values=columns(), days=st.integers(1, MODEL_CARD.horizon))
def test_fewer_days_are_the_first_of_more(client, values, days):
    whole = client.post("/v1/forecast", json=body_of(values))
    part = client.post("/v1/forecast", json=body_of(values, forecast_days=days))

    np.testing.assert_array_equal(quantiles_of(part), quantiles_of(whole)[:days])


@SHARED
@given(several=st.lists(columns(), min_size=2, max_size=7))
def test_nobody_s_forecast_depends_on_who_else_is_in_the_batch(client, several):
    bodies = [body_of(values) for values in several]
    alone = [client.post("/v1/forecast", json=body).json() for body in bodies]

    together = client.post("/v1/forecast/batch", json={"items": bodies}).json()["answers"]

    assert together == alone


def test_a_published_graph_computes_a_history_alike_whatever_stands_beside_it(client):
    champion = client.app.state.parts.champions.of("climate-seattle")

    assert champion.pace.together >= MOST_TOGETHER


@settings(SHARED, max_examples=10)
@given(several=st.lists(columns(), min_size=5, max_size=12))
def test_nobody_s_bytes_depend_on_who_else_asks_at_that_moment(client, several):
    bodies = [body_of(values) for values in several]
    alone = [client.post("/v1/forecast", json=body).content for body in bodies]

    with ThreadPoolExecutor(len(bodies)) as askers:
        together = askers.map(lambda body: client.post("/v1/forecast", json=body).content, bodies)

    assert list(together) == alone


@SHARED
@given(values=columns())
def test_the_inference_protocol_says_the_same_numbers(client, values):
    origin = int((LAST - date(1970, 1, 1)).total_seconds())
    tensor = [None if np.isnan(value) else float(value) for value in values.ravel()]
    asked = {
        "inputs": [
            {"name": "history", "datatype": "FP32", "shape": [1, STEPS, 2], "data": tensor},
            {"name": "origin", "datatype": "INT64", "shape": [1], "data": [origin]},
        ]
    }

    answer = client.post("/v2/models/climate-seattle/infer", json=asked)
    named = client.post("/v1/forecast", json=body_of(values))

    assert answer.status_code == 200, answer.text
    output = answer.json()["outputs"][0]
    said = np.array(output["data"]).reshape(output["shape"])[0]
    np.testing.assert_allclose(said, quantiles_of(named), atol=1e-4, rtol=0)
