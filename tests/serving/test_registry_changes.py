"""A change in the registry is noticed without MLflow, whatever kind of store it has."""

import json
import sqlite3
import threading
from base64 import b64encode
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from serving.registry_changes import DatabaseStore, ServerStore, SqliteStore, store_of


def test_an_absent_store_is_awaited_and_new_once_it_is_there(tmp_path):
    path = tmp_path / "mlflow.db"
    store = SqliteStore(path)
    assert not store.changed()
    assert not path.exists()

    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE aliases (name)")
        connection.commit()

    assert store.changed()
    assert not store.changed()
    store.close()


@pytest.fixture(params=["DELETE", "WAL"])
def database(tmp_path, request):
    """An open writer of an SQLite file, in each journal mode."""
    with closing(sqlite3.connect(tmp_path / "a store.db", isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode={request.param}")
        connection.execute("CREATE TABLE aliases (name)")
        yield connection


def test_a_commit_of_another_connection_is_a_change_and_a_read_is_none(database, tmp_path):
    store = SqliteStore(tmp_path / "a store.db")
    assert store.changed()
    database.execute("SELECT * FROM aliases").fetchall()
    assert not store.changed()

    database.execute("INSERT INTO aliases VALUES ('champion')")

    assert store.changed()
    assert not store.changed()
    store.close()


def test_the_store_is_opened_for_reading_only(database, tmp_path):
    store = SqliteStore(tmp_path / "a store.db")
    assert store.changed()

    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        store._connection.execute("INSERT INTO aliases VALUES ('champion')")

    assert database.execute("SELECT * FROM aliases").fetchall() == []
    store.close()


def test_a_locked_store_is_asked_again_later(database, tmp_path):
    store = SqliteStore(tmp_path / "a store.db")
    assert store.changed()
    database.execute("BEGIN EXCLUSIVE")
    database.execute("INSERT INTO aliases VALUES ('champion')")
    assert not store.changed()

    database.execute("COMMIT")

    assert store.changed()
    store.close()


@pytest.mark.usefixtures("database")
def test_another_file_in_the_stores_place_is_a_change(tmp_path):
    store = SqliteStore(tmp_path / "a store.db")
    assert store.changed()
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        connection.execute("CREATE TABLE aliases (name)")
        connection.commit()

    (tmp_path / "new.db").rename(tmp_path / "a store.db")

    assert store.changed()
    assert not store.changed()
    store.close()


@pytest.mark.parametrize(
    ("tracking", "kind", "spacing"),
    [
        ("sqlite:////var/mlflow.db", SqliteStore, 10),
        ("sqlite+pysqlite:////var/mlflow.db", SqliteStore, 10),
        ("http://127.0.0.1:5000", ServerStore, 5),
        ("https://mlflow.example", ServerStore, 5),
        ("postgresql+psycopg://host/mlflow", DatabaseStore, 15),
    ],
)
def test_each_tracking_address_is_watched_in_its_way(tracking, kind, spacing, tmp_path):
    store, pace = store_of(tracking, tmp_path)

    assert isinstance(store, kind)
    assert pace.spacing == spacing
    # The child itself takes about five seconds: together they stay under half a minute.
    assert pace.look + pace.spacing < 20


def test_a_relative_sqlite_address_is_found_from_the_current_folder(tmp_path, monkeypatch):
    sqlite3.connect(tmp_path / "store.db").close()
    monkeypatch.chdir(tmp_path)
    store, _ = store_of("sqlite:///store.db", tmp_path)

    assert store.changed()
    store.close()


def test_a_database_server_is_always_asked():
    store = DatabaseStore()

    assert store.changed()
    assert store.changed()
    store.close()


class Registry(BaseHTTPRequestHandler):
    """Answers as a tracking server does, with what the test put into its server's `pages`."""

    def do_GET(self):
        parts = urlsplit(self.path)
        token = parse_qs(parts.query).get("page_token", ["0"])[0]
        self.server.asked.append((parts.path, self.headers.get("Authorization")))
        status, content = self.server.pages[int(token)]
        self.send_response(status)
        if status == 302:
            self.send_header("Location", content)
        self.end_headers()
        if status == 200:
            self.wfile.write(
                content if isinstance(content, bytes) else json.dumps(content).encode()
            )

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    server.pages, server.asked = {}, []
    server.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def page(*champions, following=""):
    models = [
        {"name": name, "aliases": [{"alias": "champion", "version": str(version)}]}
        if version
        else {"name": name}
        for name, version in champions
    ]
    return 200, {"registered_models": models, "next_page_token": following}


@pytest.fixture
def store(server, home):
    return ServerStore(f"http://{server.address}", home)


def test_a_server_is_new_at_first_and_then_when_an_alias_moved_off_the_pointers(
    store, server, promote
):
    promote(1)
    server.pages[0] = page(("climate-seattle", 1), ("climate-oslo", None))
    assert store.changed()
    assert not store.changed()

    server.pages[0] = page(("climate-seattle", 2), ("climate-oslo", None))
    assert store.changed()
    assert not store.changed()

    server.pages[0] = page(("climate-seattle", None))
    assert store.changed()
    store.close()


def test_an_alias_that_the_pointer_follows_already_is_no_news(store, server, promote):
    promote(1)
    server.pages[0] = page(("climate-seattle", 1))
    store.changed()
    promote(2)
    server.pages[0] = page(("climate-seattle", 2))

    assert not store.changed()


def test_models_of_others_are_no_news(store, server):
    server.pages[0] = page(("Their Model", 1), ("climate-", None))
    store.changed()
    server.pages[0] = page(("Their Model", 2))

    assert not store.changed()


def test_all_pages_are_read(store, server):
    server.pages = {
        0: page(("climate-a", None), following="1"),
        1: page(("climate-b", None)),
    }
    store.changed()
    server.pages[1] = page(("climate-b", 1))

    assert store.changed()
    assert [path for path, _ in server.asked] == ["/api/2.0/mlflow/registered-models/search"] * 4


@pytest.mark.parametrize(
    "answer",
    [
        (401, ""),
        (404, ""),
        (500, ""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"registered_models": 1}'),
    ],
)
def test_a_server_that_answers_but_not_to_us_is_left_to_the_child(store, server, answer):
    server.pages[0] = answer

    assert store.changed()
    assert store.changed()


def test_a_server_that_is_away_has_not_changed_and_is_asked_again(server, home, free_port):
    store = ServerStore(f"http://127.0.0.1:{free_port}", home)
    assert not store.changed()

    store._address = f"http://{server.address}"
    server.pages[0] = page(("climate-seattle", 1))
    assert store.changed()


@pytest.mark.parametrize(
    ("user", "environment", "expected"),
    [
        ("", {}, None),
        ("ann:p%40ss@", {}, "Basic " + b64encode(b"ann:p@ss").decode()),
        (
            "",
            {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "pass"},
            "Basic " + b64encode(b"ann:pass").decode(),
        ),
        ("", {"MLFLOW_TRACKING_TOKEN": "token"}, "Bearer token"),
    ],
)
def test_the_server_gets_the_credentials_that_mlflow_would_send(
    server, home, monkeypatch, user, environment, expected
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    server.pages[0] = page()
    ServerStore(f"http://{user}{server.address}", home).changed()

    assert server.asked[-1][1] == expected


def test_credentials_do_not_follow_to_another_place(server, home):
    server.pages = {0: (302, f"http://{server.address}/?page_token=1"), 1: page()}
    ServerStore(f"http://ann:pass@{server.address}", home).changed()

    assert [authority is not None for _, authority in server.asked] == [True, False]
