import json
import re
import socket
import sqlite3
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from forecasting.stores.published import publish, write_manifest
from forecasting.stores.registry.store import PICKLE_SWITCH
from pipelines.commands import doctor as module
from pipelines.commands.doctor import doctor
from tests.postgres import BINARIES, MISSING, cluster, free_port


@pytest.fixture
def champion(known, make, write_files):
    """A home whose station is known, with a published champion; returns the champion's folder."""
    files = write_files(make.graph())
    write_manifest(files)
    pointer = publish(known.settings.root, files, version=1, alias="champion", run_id="run-1")
    return known.settings.root / "published" / "climate-oslo" / pointer.folder


@pytest.fixture
def findings(capsys):
    """Run the doctor; returns its exit code, what is wrong by name, and all that was looked at."""

    def ask():
        code = doctor(json=True)
        told = json.loads(capsys.readouterr().out)
        assert told["sound"] is (code == 0)
        wrong = {each["name"]: each["found"] for each in told["findings"] if not each["sound"]}
        return code, wrong, {each["name"]: each["found"] for each in told["findings"]}

    return ask


@pytest.mark.usefixtures("champion")
def test_a_sound_home_ends_with_0_and_says_what_was_looked_at(findings, work):
    code, wrong, looked = findings()
    assert (code, wrong) == (0, {})
    assert looked["champion of climate-oslo"] == "version 1, every byte as its manifest says"
    assert looked["station oslo"] == f"through {work.series.end.date()}"
    assert looked["tracking store"].startswith("sqlite:///")
    assert looked["locked packages"].endswith("0 differ")
    assert {"Python", "torch", "home folder", "pickle loading"} <= set(looked)
    assert sum(name.startswith("port ") for name in looked) == 3


def test_a_fresh_home_has_nothing_wrong_and_no_store_is_made(tmp_path, own_environment, findings):
    own_environment["GATECAST_HOME"] = str(tmp_path / "fresh")
    code, _, looked = findings()
    assert code == 0
    assert looked["tracking store"] == "none yet; retrain makes it"
    assert not (tmp_path / "fresh" / "mlflow").exists()


def test_a_flipped_bit_in_a_published_model_is_found(champion, findings):
    graph = champion / "model.onnx"
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    code, wrong, _ = findings()
    assert code == 1
    assert list(wrong) == ["champion of climate-oslo"]
    assert "files do not match the manifest: model.onnx" in wrong["champion of climate-oslo"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"model": "climate-oslo"}'])
def test_a_pointer_that_cannot_be_read_is_found_and_the_rest_is_still_looked_at(
    champion, findings, content
):
    (champion.parent / "champion.json").write_text(content)
    code, wrong, looked = findings()
    assert code == 1
    assert list(wrong) == ["champion of climate-oslo"]
    assert "station oslo" in looked


@pytest.mark.parametrize("content", ["", "[]", '{"card": {}}'])
def test_a_stations_record_that_cannot_be_read_is_found(findings, known, content):
    (known.settings.root / "stations" / "oslo.json").write_text(content)
    code, wrong, _ = findings()
    assert (code, list(wrong)) == (1, ["station oslo"])


def test_a_station_without_a_single_day_is_found(findings, known):
    path = known.settings.root / "stations" / "oslo.json"
    record = json.loads(path.read_text())
    record["recent"]["time"] = []
    path.write_text(json.dumps(record))
    code, wrong, _ = findings()
    assert (code, list(wrong)) == (1, ["station oslo"])


def test_a_store_that_is_no_database_is_found(settings, findings):
    (settings.root / "mlflow" / "mlflow.db").write_bytes(b"not a database" * 100)
    code, wrong, _ = findings()
    assert (code, list(wrong)) == (1, ["tracking store"])
    assert "mlflow.db cannot be read" in wrong["tracking store"]


def test_a_store_with_a_spoilt_page_is_found(settings, findings):
    database = settings.root / "mlflow" / "mlflow.db"
    with closing(sqlite3.connect(database)) as connection:
        page = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'runs'"
        ).fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    content = bytearray(database.read_bytes())
    content[(page - 1) * size : page * size] = b"\x55" * size
    database.write_bytes(content)
    code, wrong, _ = findings()
    assert (code, list(wrong)) == (1, ["tracking store"])
    assert "mlflow.db is damaged" in wrong["tracking store"]


@pytest.fixture
def tracking_server():
    """A tracking server on loopback that answers every question with one status."""

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self):
            server.asked.append((self.path, self.headers["authorization"]))
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(server.status)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        server.asked, server.status = [], 200
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.usefixtures("settings")
def test_a_tracking_server_is_asked_once_and_its_password_is_not_shown(
    tracking_server, own_environment, findings
):
    port = tracking_server.server_port
    own_environment["GATECAST_TRACKING_URI"] = f"http://ola:secret@127.0.0.1:{port}"
    code, _, looked = findings()
    assert (code, looked["tracking store"]) == (0, f"http://127.0.0.1:{port}")
    [(path, authority)] = tracking_server.asked
    assert path == module.EXPERIMENTS
    assert authority.startswith("Basic ")


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_tracking_server_that_refuses_is_found(
    tracking_server, own_environment, findings, status
):
    tracking_server.status = status
    own_environment["GATECAST_TRACKING_URI"] = f"http://127.0.0.1:{tracking_server.server_port}"
    code, wrong, _ = findings()
    assert (code, list(wrong)) == (1, ["tracking store"])
    assert wrong["tracking store"].endswith(f"found status {status}")
    assert len(tracking_server.asked) == 1


@pytest.mark.usefixtures("settings")
def test_a_tracking_server_that_is_away_or_hangs_is_found_soon(
    own_environment, findings, monkeypatch
):
    monkeypatch.setattr(module, "ASK_SECONDS", 1)
    own_environment["GATECAST_TRACKING_URI"] = f"http://127.0.0.1:{free_port()}"
    assert "Connection refused" in findings()[1]["tracking store"]
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        own_environment["GATECAST_TRACKING_URI"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert "timed out" in findings()[1]["tracking store"]


@pytest.mark.usefixtures("settings")
@pytest.mark.skipif(BINARIES is None, reason=MISSING)
def test_a_database_that_keeps_the_locks_is_asked_for_one(tmp_path, own_environment, findings):
    own_environment["GATECAST_HOME"] = str(tmp_path)
    with cluster() as database:
        own_environment["GATECAST_LOCK_URI"] = database.address()
        code, _, looked = findings()
    assert (code, looked["locks"]) == (0, "PostgreSQL gave one and took it back")


def test_a_database_of_locks_that_is_away_is_found(
    tmp_path, own_environment, findings, monkeypatch
):
    monkeypatch.setattr("forecasting.stores.postgres.time.sleep", lambda _: None)
    own_environment["GATECAST_HOME"] = str(tmp_path)
    own_environment["GATECAST_LOCK_URI"] = f"postgresql://gatecast@127.0.0.1:{free_port()}/none"
    code, wrong, _ = findings()
    assert code == 1
    assert "DatabaseUnavailable" in wrong["locks"]


def test_pickle_switched_on_is_found(findings, monkeypatch):
    monkeypatch.setenv(PICKLE_SWITCH, "true")
    code, wrong, _ = findings()
    assert code == 1
    assert "lets a crafted model run code" in wrong["pickle loading"]


@pytest.mark.usefixtures("settings")
def test_a_version_that_differs_from_the_lock_file_is_found(findings, tmp_path, monkeypatch):
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "numpy==1.0.0 \\\n    --hash=sha256:00\n"
        "no-such-package==2.0 ; python_version >= '3.11' \\\n    --hash=sha256:00\n"
        "only-elsewhere==1.0 ; sys_platform == 'win32'\n"
        "# pytest==0.1\n"
    )
    monkeypatch.setattr(module, "LOCK", lock)
    code, wrong, _ = findings()
    assert code == 1
    assert wrong.pop("locked packages") == "2 locked, 2 differ"
    assert re.fullmatch(r"[\d.]+, locked ==1\.0\.0", wrong.pop("numpy"))
    assert wrong == {"no-such-package": "not installed, locked ==2.0"}


@pytest.mark.usefixtures("settings")
def test_another_torch_than_the_pinned_one_is_found(findings, monkeypatch):
    monkeypatch.setattr(module, "TORCH", "1.0.0")
    code, wrong, _ = findings()
    assert (code, list(wrong)) == (1, ["torch"])


@pytest.mark.usefixtures("settings")
def test_an_installation_without_its_lock_file_is_told_and_is_nothing_wrong(
    findings, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "LOCK", tmp_path / "none")
    code, _, looked = findings()
    assert code == 0
    assert looked["lock file"] == "not beside this installation"


@pytest.mark.usefixtures("settings")
def test_a_full_disk_or_a_home_that_cannot_be_written_is_found(findings, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LEAST_FREE_BYTES", 2**62)
    assert "GiB free" in findings()[1]["home folder"]
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GATECAST_HOME", str(tmp_path / "file" / "home"))
    code, wrong, _ = findings()
    assert (code, list(wrong)) == (1, ["home folder"])


@pytest.mark.usefixtures("settings")
def test_a_port_in_use_is_told_and_is_nothing_wrong(findings, monkeypatch):
    monkeypatch.setattr(module, "port_free", lambda port: port != 8000)
    code, _, looked = findings()
    assert code == 0
    assert looked["port 8000 for the API"] == "in use; name another with --port"
    assert looked["port 4200 for the Prefect server"] == "free"


@pytest.mark.usefixtures("settings")
def test_people_read_a_table_and_the_number_of_faults(capsys, monkeypatch):
    assert doctor() == 0
    assert capsys.readouterr().out.endswith("nothing wrong\n")
    monkeypatch.setattr(module, "TORCH", "1.0.0")
    assert doctor() == 1
    out = capsys.readouterr().out
    assert "WRONG" in out
    assert out.endswith("1 wrong\n")
