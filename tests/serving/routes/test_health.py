"""Alive from the start, ready after the first look, and ready still when a swap fails."""

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.settings import ServingSettings


def test_a_service_without_a_champion_is_ready(client):
    assert client.get("/healthz").json() == {"status": "alive"}
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert (
        answer.json().items()
        >= {
            "status": "ready",
            "reason": None,
            "source": "home",
            "champions": [],
            "texts": [],
            "models": {},
            "swaps": 0,
            "swap_failed": 0,
            "deleted": {},
        }.items()
    )


def test_a_service_that_has_not_looked_yet_is_alive_and_not_ready(settings):
    # Without its context the client starts no lifespan, so nothing looks.
    client = TestClient(create_app(settings))

    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "starting")


def test_a_failed_swap_is_counted_and_leaves_the_service_ready(client, promote, look):
    promote(1)
    look()
    promote(2, graph=b"not a graph")
    look()

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["swaps"] == 1
    assert answer.json()["swap_failed"] >= 1
    assert client.get("/v1/models/seattle").json()["version"] == 1
    assert answer.json()["failing"] == {"climate-seattle": "MODEL_INVALID"}


def test_each_live_model_is_told_with_its_version_and_age(client, promote, look):
    promote(3)
    look()
    told = client.get("/readyz").json()

    assert told["models"]["climate-seattle"].items() >= {
        "version": 3, "alias": "champion", "source": "home",
    }.items()  # fmt: skip
    assert 0 <= told["models"]["climate-seattle"]["live_seconds"] < 60
    assert 0 <= told["last_look_seconds"] < 60


def test_a_home_that_went_away_under_a_live_model_leaves_the_service_ready(
    client, promote, look, home
):
    promote(1)
    look()
    home.rename(home.with_name("unplugged"))
    look()
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["source"]) == (200, "memory")
    assert client.get("/v1/forecast?station=seattle").status_code == 200


def test_a_service_without_home_and_copies_is_alive_and_not_ready(tmp_path):
    settings = ServingSettings(
        home=tmp_path / "nowhere", cache=tmp_path / "copies", heal=False, hosts=("testserver",)
    )
    with TestClient(create_app(settings)) as client:
        assert client.app.state.parts.watcher.wait(10)
        answer = client.get("/readyz")

        assert client.get("/healthz").status_code == 200
    assert answer.status_code == 503
    assert "no copy can be used" in answer.json()["reason"]


def test_a_service_whose_watcher_has_died_is_not_ready(client):
    client.app.state.parts.watcher.stop()

    assert client.get("/readyz").status_code == 503


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_proxy_may_check_by_head(client, path):
    answer = client.head(path)

    assert (answer.status_code, answer.content) == (200, b"")
