"""The app as a whole: built without side effects, documented without the internet."""

import re
import threading

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.settings import ServingSettings

ELSEWHERE = re.compile(r"(?:src|href|url\()\s*[=:(]?\s*[\"']?(?:https?:)?//", re.IGNORECASE)


def test_building_the_app_reads_and_starts_nothing(tmp_path):
    threads = threading.active_count()

    create_app(ServingSettings(home=tmp_path / "absent"))

    assert threading.active_count() == threads
    assert not (tmp_path / "absent").exists()


def test_the_app_builds_from_the_environment(home, monkeypatch):
    monkeypatch.setenv("GATECAST_HOME", str(home))

    assert create_app().state.parts.settings.root == home


def test_the_docs_page_and_all_it_loads_come_from_here(client):
    page = client.get("/docs")

    assert page.status_code == 200
    assert not ELSEWHERE.search(page.text)
    assert "validatorUrl" in page.text
    loaded = re.findall(r"(?:src|href)=\"([^\"]+)\"", page.text)
    assert len(loaded) >= 3
    for path in loaded:
        assert client.get(path).status_code == 200
        assert "@import" not in (client.get(path).text if path.endswith(".css") else "")


def test_a_link_to_a_cdn_would_be_noticed():
    assert ELSEWHERE.search('<script src="https://cdn.jsdelivr.net/npm/swagger-ui.js">')
    assert ELSEWHERE.search('<link href="//cdn.example/style.css">')


def test_nothing_is_reported_elsewhere_even_where_the_environment_asks_for_it(
    settings, monkeypatch
):
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")

    app = create_app(settings)

    assert not any(app._telemetry[switch] for switch in ("tracing", "metrics", "logs"))
    assert not app._telemetry["auto_configure"]


def test_there_is_no_second_docs_page(client):
    assert client.get("/redoc").status_code == 404


@pytest.mark.parametrize("path", ["/v1/forecast", "/v1/stations", "/v1/models/{station}"])
def test_the_document_names_each_route(client, path):
    assert path in client.get("/openapi.json").json()["paths"]


def test_the_document_says_what_post_takes_and_how_it_refuses(client):
    route = client.get("/openapi.json").json()["paths"]["/v1/forecast"]["post"]

    body = route["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["history"]["properties"]["time"]["maxItems"] == 20_000
    for status in ("400", "404", "413", "422", "503"):
        problem = route["responses"][status]["content"]["application/problem+json"]["schema"]
        assert "code" in problem["properties"]


def thread_names():
    return {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(("heal", "threads"), [(True, {"watcher", "healer"}), (False, {"watcher"})])
def test_the_running_app_watches_and_heals_and_the_stopped_one_does_not(home, heal, threads):
    settings = ServingSettings(home=home, heal=heal, hosts=("testserver",))

    with TestClient(create_app(settings)):
        assert thread_names() & {"watcher", "healer"} == threads

    assert not thread_names() & {"watcher", "healer"}
    # The store is absent: the healer waits for it and makes none.
    assert not (home / "mlflow").exists()
