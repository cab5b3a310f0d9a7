"""Two stations with two targets each, from the TOML to the HTTP answer; real data, tiny members."""

import os
import shutil
from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient

from data_checks.admissions import load_admitted
from forecasting.settings import Settings
from forecasting.stores.published import read_card, read_pointer, version_folder
from forecasting.stores.registry.versions import connect, resolve
from forecasting.stores.stations import list_stations, read_station
from pipelines import explaining, retraining
from pipelines.attempts import last_attempt
from pipelines.reproducing import reproduce
from serving.app import create_app
from serving.commands import forecast
from serving.settings import ServingSettings
from tests.pipelines.several import TEMP, WIND, refused, retrain, without_prefect, write_sound

MODELS = [
    "climate-seatac",
    f"climate-seatac--{WIND}",
    "climate-tacoma",
    f"climate-tacoma--{WIND}",
]


@pytest.fixture(scope="module")
def sound(store, tmp_path_factory):
    """One whole retraining of two stations and two targets. Nothing may be changed in its home."""
    home = tmp_path_factory.mktemp("sound") / "home"
    shutil.copytree(store, home)
    toml = write_sound(home.parent)
    with pytest.MonkeyPatch.context() as patch, without_prefect() as (events, fit):
        patch.setenv("GATECAST_HOME", str(home))
        outcome = retrain(toml)
    return SimpleNamespace(
        settings=Settings(home=home), toml=toml, outcome=outcome, events=events, asked=fit.asked
    )


@pytest.fixture
def client(sound):
    app = create_app(
        ServingSettings(
            home=sound.settings.root, poll_seconds=0.02, heal=False, hosts=("testserver",)
        )
    )
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.app.state.parts.watcher.wait(10)
        yield client


def test_every_station_and_target_comes_to_a_decision_and_a_champion_of_its_own(sound):
    assert [decision["model"] for decision in sound.outcome["decisions"]] == MODELS
    assert sound.outcome["promoted"] == MODELS
    assert sound.outcome["refused"] == []
    assert [event["event"] for event in sound.events] == ["gatecast.promoted"] * 4
    assert all(last_attempt(sound.settings.root, model) is not None for model in MODELS)


def test_the_gate_chooses_among_own_and_global_candidates_and_says_so(sound):
    assert sound.asked[:2] == [("pool-first", "global-gru"), (f"pool-{WIND}", f"{WIND} global-gru")]
    assert sound.asked[2:4] == [("seatac", "seatac gru"), ("seatac", f"seatac {WIND} gru")]
    client = connect(sound.settings)
    for decision in sound.outcome["decisions"]:
        losses = decision["held_out"]
        assert set(losses) == {"gru", "global-gru"}
        assert decision["cell"] == min(losses, key=losses.get)
        version = resolve(client, f"{decision['model']}/1")
        kind = "global" if decision["cell"] == "global-gru" else "local"
        assert version.tags["kind"] == kind
        assert version.tags["held_out.global-gru"] == f"{losses['global-gru']:.4f}"
        assert "| global-gru | several stations |" in version.description
        shared = "weights shared by seatac, tacoma" in version.description
        assert shared == (kind == "global")
        assert "| global-gru (candidate) |" in version.description


def test_a_station_has_one_record_that_names_every_targets_data(sound):
    root = sound.settings.root
    assert list_stations(root) == ["seatac", "tacoma"]
    record = read_station(root, "seatac")
    assert (record.card.target, record.card.targets) == (TEMP, (TEMP, WIND))
    assert record.card.elevation == 131
    assert [variable.name for variable in record.card.variables] == [TEMP, WIND]
    for target in (TEMP, WIND):
        assert load_admitted(root, record.data_of(target)).target == target
    assert record.recent.data_sha256 == record.data_of(TEMP)


def test_a_target_is_answered_in_its_own_columns_with_its_own_version(client):
    usual = client.get("/v1/forecast?station=tacoma").json()
    both = client.get(f"/v1/forecast?station=tacoma&daily={TEMP},{WIND}").json()
    wind = client.get(f"/v1/forecast?station=tacoma&daily={WIND}").json()
    assert "models" not in usual
    assert WIND not in usual["daily"]
    assert both["daily"] == {**usual["daily"], **wind["daily"]}
    assert both["daily_units"][f"{WIND}_p10"] == "m/s"
    assert both["model"] == usual["model"] == both["models"][TEMP]
    assert wind["model"] == both["models"][WIND]
    assert wind["model"]["name"] == f"climate-tacoma--{WIND}"
    assert list(both["models"]) == [TEMP, WIND]


def test_what_is_published_for_a_station_is_one_graph_as_ever(sound):
    pointer = read_pointer(sound.settings.root, MODELS[3])
    folder = version_folder(sound.settings.root, pointer)
    card = read_card(folder)
    assert (card.station, card.target, card.variables) == ("tacoma", WIND, (WIND, TEMP))
    assert {"model.onnx", "weights.safetensors"} <= {path.name for path in folder.iterdir()}


def test_forecast_and_explain_find_a_further_target(sound, capsys, own_environment):
    own_environment["GATECAST_HOME"] = str(sound.settings.root)
    forecast("tacoma", target=WIND, json=True)
    assert f'"{WIND}_p10"' in capsys.readouterr().out
    client = connect(sound.settings)
    version = explaining.find_version(client, MODELS[3])
    explanation = explaining.explain_version(sound.settings, client, version, None)
    assert explanation.series.target == WIND


def test_a_global_version_is_reproduced_to_the_byte(sound, tmp_path):
    client = connect(sound.settings)
    version = resolve(client, f"{MODELS[0]}@champion")
    assert version.tags["kind"] == "global"

    with without_prefect() as (_, fit), pytest.MonkeyPatch.context() as patch:
        patch.setattr(retraining, "fit_beside", fit.beside)
        result = reproduce(sound.settings, client, version, tmp_path, print)

    assert result.same, result.sentence
    assert result.alikeness.same_file
    assert [each.name for each in result.inputs if each.differs] == []


def test_the_folders_of_plans_and_pools_are_dropped_at_the_end(sound):
    assert list((sound.settings.root / "runs").iterdir()) == []


@pytest.fixture
def home(store, tmp_path, monkeypatch):
    """A home of the test's own, for the flow."""
    home = tmp_path / "home"
    shutil.copytree(store, home)
    monkeypatch.setitem(os.environ, "GATECAST_HOME", str(home))
    return home


def test_a_refused_station_stops_no_other_and_is_said_to_be_refused(home, tmp_path):
    toml = write_sound(tmp_path, tacoma=False)
    with without_prefect() as (events, _):
        outcome = retrain(f"{toml}@{TEMP}")
    [decision] = outcome["decisions"]
    assert (decision["model"], set(decision["held_out"])) == ("climate-seatac", {"gru"})
    [refusal] = outcome["refused"]
    assert (refusal["model"], refusal["code"]) == ("climate-tacoma", "DATA_REFUSED")
    assert refusal["found"] == "SEA"
    assert [event["event"] for event in events][1:] == ["gatecast.part-refused"]
    client = connect(Settings(home=home))
    runs = [client.get_run(each["run_id"]).info.status for each in (decision, refusal)]
    assert runs == ["FINISHED", "FAILED"]


def test_where_every_station_is_refused_the_flow_is_refused_with_all_reasons(home, tmp_path):
    toml = write_sound(tmp_path, rows=5)
    with without_prefect() as (_, fit):
        refusal = refused(f"{toml}@{TEMP}")
        alone = refused(f"{toml}#seatac@{TEMP}")
    assert refusal.code == "EVERY_PART_FAILED"
    for model in ("climate-seatac", "climate-tacoma"):
        assert f"{model}: SERIES_TOO_SHORT" in refusal.found
    assert alone.code == "SERIES_TOO_SHORT"
    assert fit.asked == []
    assert home.exists()


def test_a_source_that_is_away_is_asked_once_for_all_that_share_it(home, tmp_path):
    toml = write_sound(tmp_path)
    (tmp_path / "sound.csv").unlink()
    asked = []
    # Undone before the steps are Prefect's again: undone later, the plain function would stay.
    with without_prefect(), pytest.MonkeyPatch.context() as patch:
        from pipelines import climate  # noqa: PLC0415 - its step is replaced in here

        land = climate.land
        patch.setattr(climate, "land", lambda *of: asked.append(of) or land(*of))
        refusal = refused(toml)
    assert len(asked) == 1
    assert refusal.found.count("SOURCE_UNAVAILABLE") == 4
    assert home.exists()
