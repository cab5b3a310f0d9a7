"""The verbs: the same forecast as the API without a server, and the server where it is told."""

import json

import pytest
import uvicorn

from forecasting.errors import ManifestMismatch, NoChampion, SettingsInvalid, StationUnknown
from forecasting.stores.published import version_folder
from serving.commands import forecast, serve
from serving.refusals import RequestRefused


@pytest.fixture
def at_home(home, monkeypatch):
    monkeypatch.setenv("GATECAST_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "160")
    return home


@pytest.mark.usefixtures("at_home")
def test_json_prints_the_object_of_the_http_answer(promote, client, look, capsys):
    promote(3)
    look()

    forecast("seattle", days=4, json=True)

    printed = capsys.readouterr().out
    answer = client.get("/v1/forecast", params={"station": "seattle", "forecast_days": 4})
    assert json.loads(printed) == answer.json()
    assert printed.count("\n") == 1


@pytest.mark.usefixtures("at_home")
def test_a_person_gets_a_table_with_days_levels_and_the_version(promote, capsys):
    promote(3)

    forecast()

    printed = capsys.readouterr().out
    for word in ("2016-01-01", "2016-01-07", "80 %", "95 %", "°C", "version 3", "11.0"):
        assert word in printed


def test_a_forecast_needs_a_known_station_a_champion_and_whole_files(at_home, promote):
    with pytest.raises(StationUnknown):
        forecast("oslo")
    with pytest.raises(NoChampion):
        forecast("seattle")
    pointer = promote(1)
    with pytest.raises(RequestRefused, match="1 to 7 days"):
        forecast("seattle", days=0)
    (version_folder(at_home, pointer) / "model.onnx").write_bytes(b"other")
    with pytest.raises(ManifestMismatch):
        forecast("seattle")


def test_serve_listens_where_the_flag_or_the_environment_says(monkeypatch):
    runs = []
    monkeypatch.setattr(uvicorn, "run", lambda app, **options: runs.append((app, options)))
    monkeypatch.setenv("GATECAST_PORT", "9000")

    serve()
    serve(host="0.0.0.0", port=9001)  # noqa: S104 - only handed on

    assert [(run["host"], run["port"]) for _, run in runs] == [
        ("127.0.0.1", 9000),
        ("0.0.0.0", 9001),  # noqa: S104 - only compared
    ]
    assert runs[0][0] == "serving.app:serve_app"
    assert runs[0][1]["server_header"] is False
    assert runs[0][1]["access_log"] is False


def test_serve_refuses_a_port_that_does_not_exist():
    with pytest.raises(SettingsInvalid, match="port"):
        serve(port=70_000)
