"""Keys of all replicas in PostgreSQL: a change reaches each, an outage leaves them in force."""

import logging
import subprocess
import sys
import time

import pytest
from fastapi.testclient import TestClient

from forecasting.errors import AlreadyRunning, SettingsInvalid
from forecasting.stores.locks import lock_key
from forecasting.stores.postgres import DatabaseUnavailable
from serving import key_stores
from serving.app import create_app
from serving.key_ring import KeyRing
from serving.key_stores import DatabaseKeys
from serving.keys import KeysDamaged, create_key, revoke_key
from serving.settings import ServingSettings
from tests.postgres import BINARIES, MISSING, cluster, free_port

pytestmark = pytest.mark.skipif(BINARIES is None, reason=MISSING)

ASKED = "/v1/stations"
PATIENCE = 60


@pytest.fixture(scope="module")
def database():
    with cluster() as made:
        yield made


@pytest.fixture
def store(database):
    with database.connect() as connection:
        connection.execute("DROP TABLE IF EXISTS gatecast_keys")
    return DatabaseKeys(database.address())


def replica(home, address, **options):
    usual = {"poll_seconds": 0.05, "heal": False, "hosts": ("testserver",), "anonymous": False}
    app = create_app(ServingSettings(home=home, keys_uri=address, **usual | options))
    return TestClient(app, raise_server_exceptions=False)


def status(client, key):
    return client.get(ASKED, headers={"Authorization": f"Bearer {key}"}).status_code


def await_status(client, key, wanted):
    deadline = time.monotonic() + PATIENCE
    while (found := status(client, key)) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def test_a_key_made_once_works_at_both_replicas_and_its_revocation_reaches_both(
    tmp_path, database, store
):
    with (
        replica(tmp_path / "a", database.address()) as first,
        replica(tmp_path / "b", database.address()) as second,
    ):
        whole, key = create_key(store, "ann", ("forecast",))
        for client in (first, second):
            await_status(client, whole, 200)

        revoke_key(store, key.id, hours=-1)
        for client in (first, second):
            await_status(client, whole, 401)


def test_known_keys_outlive_the_database_and_follow_it_again_once_it_is_back(tmp_path, caplog):
    with cluster() as database, caplog.at_level(logging.WARNING, "serving.key_ring"):
        store = DatabaseKeys(database.address())
        whole, key = create_key(store, "ann", ("forecast",))
        with replica(tmp_path, database.address()) as client:
            assert status(client, whole) == 200
            database.kill()
            deadline = time.monotonic() + PATIENCE
            while not caplog.records:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            assert status(client, whole) == 200
            assert client.get("/readyz").status_code == 200

            database.start()
            revoke_key(store, key.id, hours=-1)
            await_status(client, whole, 401)
    assert len(caplog.records) == 1  # told once, however often it was tried


def test_a_replica_that_has_never_seen_the_keys_is_not_ready(tmp_path):
    away = f"postgresql://gatecast@127.0.0.1:{free_port()}/gatecast"
    with replica(tmp_path, away, start_seconds=0.1) as client:
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert client.get("/healthz").status_code == 200
    assert answer.json()["reason"] == "the keys have not been read"


def test_where_nobody_needs_a_key_their_database_may_be_away(tmp_path):
    away = f"postgresql://gatecast@127.0.0.1:{free_port()}/gatecast"
    (tmp_path / "published").mkdir()
    with replica(tmp_path, away, anonymous=True) as client:
        assert client.get("/readyz").status_code == 200


def test_a_change_of_the_keys_waits_for_another_one_and_not_for_ever(database, store, monkeypatch):
    monkeypatch.setattr(key_stores, "LOCK_WAIT", 1.0)
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(%s)", (lock_key("keys"),))
        with pytest.raises(AlreadyRunning, match="the keys are being changed"):
            create_key(store, "ann", ("forecast",))
    assert store.read() == {}


@pytest.mark.parametrize("damage", ["some day", "2036-01-01"])
def test_a_damaged_row_is_refused(database, store, damage):
    create_key(store, "ann", ("forecast",))
    with database.connect() as connection:
        connection.execute("UPDATE gatecast_keys SET expires = %s", (damage,))

    with pytest.raises(KeysDamaged, match="gatecast_keys"):
        store.read()


def test_a_ring_keeps_what_it_knew_where_a_row_was_damaged(database, store):
    create_key(store, "ann", ("forecast",))
    ring = KeyRing(store)
    ring.refresh()
    with database.connect() as connection:
        connection.execute("UPDATE gatecast_keys SET expires = 'some day'")
    ring.refresh()
    ring.close()

    assert len(ring.keys) == 1


def test_a_verb_whose_database_is_away_names_the_setting(monkeypatch):
    monkeypatch.setattr("forecasting.stores.postgres.time.sleep", lambda _: None)
    with pytest.raises(DatabaseUnavailable, match="keys_uri"):
        DatabaseKeys(f"postgresql://gatecast@127.0.0.1:{free_port()}/gatecast").read()


def test_an_address_of_another_database_is_refused_at_the_start(tmp_path):
    with pytest.raises(SettingsInvalid, match="keys_uri"):
        create_app(ServingSettings(home=tmp_path, keys_uri="mysql://db/keys"))


def test_a_service_with_its_keys_in_a_file_loads_no_driver(tmp_path):
    code = (
        "import sys\nfrom serving.app import create_app\n"
        "from serving.settings import ServingSettings\n"
        f"create_app(ServingSettings(home={str(tmp_path)!r}))\nsys.exit('psycopg' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
