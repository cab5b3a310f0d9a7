"""The typed client and a standard client of the inference protocol, against the live server."""

from datetime import date, timedelta

import numpy as np
import pytest
import tritonclient.http as triton
import urllib3

from serving.client import Client, ServiceRefused, ServiceUnreachable
from tests.serving.live import LiveServer

pytestmark = pytest.mark.system

TARGET = "temperature_2m_mean"
ORIGIN = 16_800 * 86_400


@pytest.fixture(scope="module")
def address(tmp_path_factory, seattle_home):
    """Where a server runs that has a champion of Seattle and none of Oslo."""
    with LiveServer.running(seattle_home, tmp_path_factory.mktemp("live") / "modules") as server:
        yield f"127.0.0.1:{server.port}"


@pytest.fixture
def client(address):
    with Client(f"http://{address}/") as client:
        yield client


@pytest.fixture
def history(record):
    columns = {name: list(column) for name, column in record.recent.values.items()}
    return {"time": list(record.recent.time), **columns}


@pytest.fixture
def asked(monkeypatch):
    """The status of every answer that came over the wire."""
    statuses, request = [], urllib3.PoolManager.request

    def noted(self, *arguments, **options):
        answer = request(self, *arguments, **options)
        statuses.append(answer.status)
        return answer

    monkeypatch.setattr(urllib3.PoolManager, "request", noted)
    return statuses


def test_stations_and_models_are_read_into_their_types(client):
    oslo, seattle = client.stations()
    model = client.model("seattle")

    assert (oslo.has_champion, seattle.has_champion) == (False, True)
    assert seattle.targets == (TARGET,)
    assert model.version.version == 1
    assert model.levels == (0.025, 0.1, 0.5, 0.9, 0.975)
    assert model.variables[1].unit == "mm"
    assert client.model("seattle", TARGET) == model


def test_a_forecast_is_read_with_all_its_words(client):
    forecast = client.forecast(
        "seattle", forecast_days=2, past_days=1, level=[80], temperature_unit="fahrenheit"
    )

    assert forecast.time == ("2015-12-31", "2016-01-01", "2016-01-02")
    assert list(forecast.values) == [TARGET, f"{TARGET}_p10", f"{TARGET}_p90"]
    assert forecast.values[f"{TARGET}_p10"][0] is None
    assert forecast.units[TARGET] == "°F"
    assert (forecast.model.version, forecast.model.trained_through) == (1, "2015-09-30")


def test_the_same_question_is_sent_once(client, asked):
    first = client.forecast("seattle", daily=[TARGET])
    again = client.forecast("seattle", daily=[TARGET])

    assert asked == [200, 304]
    assert again == first
    assert list(first.models) == [TARGET]


def test_a_posted_history_and_a_batch_are_answered_alike(client, history):
    alone = client.forecast_after("seattle", history, forecast_days=3)
    same, refused = client.forecast_all(
        [
            {"station": "seattle", "history": history, "forecast_days": 3},
            {"station": "nowhere"},
        ]
    )

    assert alone == same == client.forecast("seattle", forecast_days=3)
    assert (refused.code, refused.status) == ("STATION_UNKNOWN", 404)


def test_a_refusal_has_the_code_the_id_and_the_places(client, history):
    with pytest.raises(ServiceRefused, match="1 to 7 days") as refused:
        client.forecast("seattle", forecast_days=8)
    assert (refused.value.code, refused.value.status) == ("REQUEST_INVALID", 422)
    assert len(refused.value.request_id) == 16
    assert refused.value.errors[0][0] == "forecast_days"

    with pytest.raises(ServiceRefused) as refused:
        client.forecast_after("seattle", history | {TARGET: [99.0] * 90})
    assert refused.value.code == "VALUE_OUT_OF_BOUNDS"


def test_a_climatology_is_read_with_its_reason(client):
    with pytest.raises(ServiceRefused) as refused:
        client.forecast("oslo")
    told = client.forecast("oslo", fallback=True)

    assert refused.value.code == told.fallback.reason == "NO_CHAMPION"
    assert told.model is None
    assert told.values[TARGET] == (10.0,) * 7


def test_nobody_there_is_told_as_unreachable(free_port):
    nobody = Client(f"http://127.0.0.1:{free_port}", timeout_seconds=2)

    with nobody, pytest.raises(ServiceUnreachable, match=str(free_port)):
        nobody.stations()


def test_a_key_is_sent_as_a_bearer_token():
    with Client("http://127.0.0.1", api_key="secret") as client:
        assert client._headers["Authorization"] == "Bearer secret"


@pytest.fixture
def protocol(address):
    client = triton.InferenceServerClient(address)
    yield client
    client.close()


@pytest.mark.parametrize("asked_binary", [False, True])
@pytest.mark.parametrize("sent_binary", [False, True])
def test_a_standard_client_of_the_protocol_gets_the_same_forecast(
    protocol, client, history, sent_binary, asked_binary
):
    values = np.array([history[TARGET], history["precipitation_sum"]], np.float32).T[None, -60:]
    origin = np.array([(date(2015, 12, 31) - date(1970, 1, 1)) // timedelta(seconds=1)], np.int64)
    inputs = [
        triton.InferInput("history", list(values.shape), "FP32"),
        triton.InferInput("origin", [1], "INT64"),
    ]
    inputs[0].set_data_from_numpy(values, binary_data=sent_binary)
    inputs[1].set_data_from_numpy(origin, binary_data=sent_binary)
    outputs = [triton.InferRequestedOutput("quantiles", binary_data=asked_binary)]

    found = protocol.infer("climate-seattle", inputs, outputs=outputs, model_version="1")

    forecast = client.forecast("seattle")
    columns = sorted(forecast.values.values(), key=lambda column: column[-1])
    quantiles = found.as_numpy("quantiles")
    assert quantiles.shape == (1, 7, 5)
    np.testing.assert_allclose(quantiles[0], np.array(columns).T, atol=1e-4)
    usual = protocol.infer("climate-seattle", inputs).as_numpy("quantiles")
    np.testing.assert_array_equal(usual, quantiles)


def test_a_standard_client_sees_what_is_live_and_what_is_refused(protocol):
    assert protocol.is_server_live()
    assert protocol.is_server_ready()
    assert protocol.is_model_ready("climate-seattle")
    assert not protocol.is_model_ready("climate-oslo")
    assert protocol.get_server_metadata()["name"] == "gatecast"
    assert protocol.get_model_metadata("climate-seattle")["versions"] == ["1"]
    gaps = triton.InferInput("history", [1, 60, 2], "FP32")
    gaps.set_data_from_numpy(np.full((1, 60, 2), np.nan, np.float32))
    origin = triton.InferInput("origin", [1], "INT64")
    origin.set_data_from_numpy(np.array([ORIGIN], np.int64))
    with pytest.raises(triton.InferenceServerException, match="no value of the target"):
        protocol.infer("climate-seattle", [gaps, origin])
