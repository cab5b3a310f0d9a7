"""The Open Inference Protocol: what is said of a model, strict tensors, and the same numbers."""

import json
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.history import History

ORIGIN = 16_800 * 86_400
INFER = "/v2/models/climate-seattle/infer"
SIZED = {"binary_data_size": 1440}
LENGTH = "Inference-Header-Content-Length"


@pytest.fixture
def histories():
    rng = np.random.default_rng(3)
    values = rng.uniform(0, 20, (3, 60, 2)).astype(np.float32)
    values[1, 5:9, 0] = np.nan
    return values


def tensor(name, values, datatype):
    data = [None if math.isnan(value) else value for value in values.ravel().tolist()]
    return {"name": name, "shape": list(values.shape), "datatype": datatype, "data": data}


@pytest.fixture
def request_of(histories):
    def build(values=histories, origins=None, **words):
        origins = np.full(len(values), ORIGIN) if origins is None else origins
        inputs = [tensor("history", values, "FP32"), tensor("origin", origins, "INT64")]
        return {"inputs": inputs, **words}

    return build


@pytest.fixture
def infer(client, promoted):  # noqa: ARG001 - the model is live
    def send(body, path=INFER, **headers):
        content = body if isinstance(body, bytes) else json.dumps(body)
        return client.post(path, content=content, headers=headers)

    return send


@pytest.fixture
def expected(client, promoted, histories):  # noqa: ARG001 - the model is live
    forecaster = client.app.state.parts.champions.of("climate-seattle")
    return forecaster.many([History(each, ORIGIN) for each in histories]).astype(np.float32)


def quantiles_of(answer):
    assert answer.status_code == 200, answer.text
    (output,) = answer.json()["outputs"]
    return np.array(output["data"], np.float32).reshape(output["shape"])


def test_the_server_and_a_model_say_what_they_take(client, promoted):  # noqa: ARG001
    assert client.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert client.get("/v2/health/live").status_code == 200
    assert client.get("/v2/health/ready").status_code == 200
    assert client.get("/v2/models/climate-seattle/versions/3/ready").json()["ready"] is True
    for path in ("/v2/models/climate-seattle", "/v2/models/climate-seattle/versions/3"):
        told = client.get(path).json()
        assert (told["name"], told["versions"]) == ("climate-seattle", ["3"])
        assert told["inputs"][0] == {"name": "history", "datatype": "FP32", "shape": [-1, 60, 2]}
        assert told["outputs"][0]["shape"] == [-1, 7, 5]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v2/models/climate-nowhere", "NO_CHAMPION"),
        ("/v2/models/language-schoolmistress/ready", "NO_CHAMPION"),
        ("/v2/models/climate-seattle/versions/2", "VERSION_UNKNOWN"),
        ("/v2/models/climate-seattle/versions/x/ready", "VERSION_UNKNOWN"),
    ],
)
def test_what_is_not_live_is_not_found_in_the_protocols_form(client, promoted, path, code):  # noqa: ARG001
    answer = client.get(path)

    told = answer.json()
    assert (answer.status_code, told["code"]) == (404, code)
    assert isinstance(told["error"], str)
    assert told["request_id"] == answer.headers["x-request-id"]


def test_json_gives_the_graphs_numbers_with_null_for_a_gap(infer, request_of, expected):
    answer = infer(request_of(id="mine"))

    np.testing.assert_array_equal(quantiles_of(answer), expected)
    assert (np.diff(quantiles_of(answer), axis=-1) >= 0).all()
    told = answer.json()
    assert (told["model_name"], told["model_version"], told["id"]) == (
        "climate-seattle", "3", "mine",
    )  # fmt: skip
    assert quantiles_of(infer(request_of(), f"{INFER[:-6]}/versions/3/infer")).shape == (3, 7, 5)


def test_nested_data_are_taken_as_flat_ones(infer, request_of, histories, expected):
    body = request_of()
    nested = np.where(np.isnan(histories), None, histories).tolist()
    body["inputs"][0]["data"] = nested

    np.testing.assert_array_equal(quantiles_of(infer(body)), expected)


def test_bytes_in_and_bytes_out(infer, request_of, histories, expected):
    body = request_of(outputs=[{"name": "quantiles", "parameters": {"binary_data": True}}])
    raw = histories.tobytes()
    del body["inputs"][0]["data"]
    body["inputs"][0]["parameters"] = {"binary_data_size": len(raw)}
    head = json.dumps(body).encode()

    answer = infer(head + raw, **{LENGTH: str(len(head))})

    size = int(answer.headers[LENGTH])
    (output,) = json.loads(answer.content[:size])["outputs"]
    found = np.frombuffer(answer.content[size:], "<f4").reshape(output["shape"])
    assert output["parameters"] == {"binary_data_size": found.nbytes}
    np.testing.assert_array_equal(found, expected)


def changed(body, place, **words):
    body["inputs"][place] |= words
    return body


@pytest.mark.parametrize(
    ("spoil", "status", "code"),
    [
        (lambda body: body | {"secret": 1}, 422, "REQUEST_INVALID"),
        (lambda body: body | {"inputs": body["inputs"][:1]}, 422, "REQUEST_INVALID"),
        (lambda body: body | {"inputs": body["inputs"] * 2}, 422, "REQUEST_INVALID"),
        (lambda body: body | {"outputs": [{"name": "other"}]}, 422, "REQUEST_INVALID"),
        (lambda body: body | {"id": "a\nb"}, 422, "REQUEST_INVALID"),
        (lambda body: changed(body, 0, name="past"), 422, "REQUEST_INVALID"),
        (lambda body: changed(body, 0, datatype="FP64"), 422, "REQUEST_INVALID"),
        (lambda body: changed(body, 0, datatype="INT64"), 422, "REQUEST_INVALID"),
        (lambda body: changed(body, 0, shape=[3, 120]), 422, "REQUEST_INVALID"),
        (lambda body: changed(body, 0, shape=[3, 60, 3]), 422, "REQUEST_INVALID"),
        (lambda body: changed(body, 0, shape=[-1, 60, 2]), 422, "REQUEST_INVALID"),
        (lambda body: changed(body, 0, shape=[True, 60, 2]), 422, "REQUEST_INVALID"),
        (lambda body: changed(body, 0, data=[1.0]), 422, "REQUEST_INVALID"),
        (lambda body: changed(body, 0, data=["1"] * 360), 422, "REQUEST_INVALID"),
        (lambda body: changed(body, 0, data=[True] * 360), 422, "REQUEST_INVALID"),
        (lambda body: changed(body, 0, data=[10**400] * 360), 422, "REQUEST_INVALID"),
        (lambda body: changed(body, 0, data=[1e39] * 360), 422, "VALUE_OUT_OF_BOUNDS"),
        (lambda body: changed(body, 0, data=[51.0] * 360), 422, "VALUE_OUT_OF_BOUNDS"),
        (lambda body: changed(body, 0, data=[None] * 360), 422, "NO_USABLE_HISTORY"),
        (lambda body: changed(body, 0, data=[float("nan")] * 360), 400, "JSON_INVALID"),
        (lambda body: changed(body, 0, parameters={"memory": "x"}), 422, "REQUEST_INVALID"),
        (lambda body: changed(body, 0, parameters=SIZED), 422, "REQUEST_INVALID"),
        (lambda body: changed(body, 1, data=[ORIGIN + 1] * 3), 422, "REQUEST_INVALID"),
        (lambda body: changed(body, 1, data=[2**63 - 1] * 3), 422, "REQUEST_INVALID"),
        (lambda body: changed(body, 1, data=[2**63] * 3), 422, "REQUEST_INVALID"),
        (lambda body: changed(body, 1, data=[1.5] * 3), 422, "REQUEST_INVALID"),
        (lambda body: changed(body, 1, data=[ORIGIN] * 2, shape=[2]), 422, "REQUEST_INVALID"),
    ],
)  # fmt: skip
def test_what_is_not_the_models_tensors_is_refused(infer, request_of, spoil, status, code):
    answer = infer(spoil(request_of()))

    told = answer.json()
    assert (answer.status_code, told["code"]) == (status, code), told
    assert told["error"]
    assert told["errors"][0]["path"].startswith("$")


def test_more_histories_than_one_request_may_have_are_refused(infer, request_of):
    answer = infer(request_of(np.ones((65, 60, 2), np.float32)))

    assert answer.status_code == 422
    assert "at most 64" in answer.json()["error"]


@pytest.mark.parametrize("length", ["-1", "x", "9" * 30, "", "100000", "٣"])
def test_a_length_that_does_not_fit_is_refused(infer, request_of, length):
    answer = infer(request_of(), **{LENGTH: length.encode()})

    assert (answer.status_code, answer.json()["code"]) == (400, "JSON_INVALID")


@pytest.mark.parametrize("rest", [b"", b"abc", b"\0" * 1441])
def test_bytes_too_few_or_too_many_are_refused(infer, request_of, rest):
    body = request_of()
    del body["inputs"][0]["data"]
    body["inputs"][0]["parameters"] = SIZED
    head = json.dumps(body).encode()

    answer = infer(head + rest, **{LENGTH: str(len(head))})

    assert (answer.status_code, answer.json()["code"]) == (400, "JSON_INVALID")


def test_infinity_among_bytes_is_out_of_bounds(infer, request_of, histories):
    body = request_of()
    histories[0, 0, 1] = np.inf
    del body["inputs"][0]["data"]
    body["inputs"][0]["parameters"] = {"binary_data_size": histories.nbytes}
    head = json.dumps(body).encode()

    answer = infer(head + histories.tobytes(), **{LENGTH: str(len(head))})

    assert answer.json()["code"] == "VALUE_OUT_OF_BOUNDS"


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=st.binary(max_size=300), length=st.none() | st.integers(0, 400))
def test_no_bytes_break_the_reading(infer, body, length):
    answer = infer(body, **({} if length is None else {LENGTH: str(length)}))

    assert answer.status_code in {400, 422}


def test_too_many_at_a_time_are_told_when_to_come_back_in_the_protocols_form(
    client, infer, request_of, monkeypatch
):
    desk = client.app.state.parts.forecasts
    monkeypatch.setattr(desk, "_places", 0)

    answer = infer(request_of())

    assert (answer.status_code, answer.json()["code"]) == (503, "OVERLOADED")
    assert answer.headers["retry-after"] == "1"
    assert client.get("/v2/health/ready").status_code == 200


def test_a_process_that_drains_is_not_ready(client, monkeypatch):
    monkeypatch.setattr(client.app.state.parts.draining, "begun", True)

    assert client.get("/v2/health/ready").status_code == 503
    assert client.get("/v2/health/live").status_code == 200
