"""Alive from the start, ready after the first look, and ready still when a swap fails."""

from fastapi.testclient import TestClient

from serving.app import create_app


def test_a_service_without_a_champion_is_ready(client):
    assert client.get("/healthz").json() == {"status": "alive"}
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "champions": [],
        "texts": [],
        "swaps": 0,
        "swap_failed": 0,
    }


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
    # The test's own look may run beside the watcher's: what it swaps is counted twice then.
    assert answer.json()["swaps"] in {1, 2}
    assert answer.json()["swap_failed"] >= 1
    assert client.get("/v1/models/seattle").json()["version"] == 1


def test_a_service_whose_watcher_has_died_is_not_ready(client):
    client.app.state.parts.watcher.stop()

    assert client.get("/readyz").status_code == 503
