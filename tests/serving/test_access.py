"""Who may ask: keys with scopes, and so many requests a minute (S9)."""

import asyncio
import shutil
import socket
import subprocess
import time

import pytest
from fastapi.testclient import TestClient
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError

from forecasting.errors import SettingsInvalid
from serving.access import HostRefused, Rates, TooManyRequests, network_of
from serving.app import create_app
from serving.key_ring import KeyRing
from serving.key_stores import FileKeys, keys_path
from serving.keys import create_key, revoke_key
from serving.settings import ServingSettings

ASKED = "/v1/stations"


@pytest.fixture
def open_client(home):
    """Start an app with settings of the test's own; ends it afterwards."""
    clients = []

    def start(**options):
        usual = {"poll_seconds": 0.02, "heal": False, "hosts": ("testserver",)}
        app = create_app(ServingSettings(home=home, **usual | options))
        client = TestClient(app, raise_server_exceptions=False)
        client.__enter__()
        clients.append(client)
        assert app.state.parts.watcher.wait(10)
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def closed(open_client):
    """A client of an app that answers nobody without a key."""
    return open_client(anonymous=False)


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def take_in(client):
    client.app.state.parts.access._ring.refresh()


@pytest.mark.parametrize("names", [(b"testserver", b"evil"), (b"evil", b"testserver"), ()])
def test_a_request_that_names_two_hosts_or_none_is_refused(open_client, names):
    access = open_client().app.state.parts.access
    scope = {"path": "/readyz", "headers": [(b"host", name) for name in names]}

    with pytest.raises(HostRefused):
        asyncio.run(access.admit(scope))


def test_without_a_key_only_health_and_the_interface_are_answered(closed):
    answer = closed.get(ASKED)

    assert (answer.status_code, answer.json()["code"]) == (401, "KEY_MISSING")
    assert answer.headers["www-authenticate"] == "Bearer"
    for path in ("/healthz", "/readyz", "/docs", "/openapi.json"):
        assert closed.get(path).status_code == 200


def test_a_key_lets_in_by_either_header(closed, home):
    whole, _ = create_key(FileKeys(home), "ann", ("forecast",))
    take_in(closed)

    assert closed.get(ASKED, headers=bearer(whole)).status_code == 200
    assert closed.get(ASKED, headers={"X-API-Key": whole}).status_code == 200


@pytest.mark.parametrize(
    "headers", [bearer("gck_00000000_" + "A" * 43), bearer(""), {"Authorization": "Basic YTpi"}]
)
def test_a_wrong_key_is_refused_even_where_none_is_needed(closed, open_client, headers):
    refused = {"KEY_REFUSED", "KEY_MISSING"} if headers == bearer("") else {"KEY_REFUSED"}

    answer = closed.get(ASKED, headers=headers)

    assert answer.status_code == 401
    assert answer.json()["code"] in refused
    if headers != bearer(""):
        assert open_client().get(ASKED, headers=headers).status_code == 401


def test_an_expired_and_a_revoked_key_are_refused_without_saying_why(closed, home):
    expired, _ = create_key(FileKeys(home), "ann", ("forecast",), days=1e-9)
    revoked, key = create_key(FileKeys(home), "bob", ("forecast",))
    revoke_key(FileKeys(home), key.id, hours=-1)
    take_in(closed)

    answers = [closed.get(ASKED, headers=bearer(each)) for each in (expired, revoked)]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.json()["detail"] for answer in answers}) == 1


def test_a_key_that_is_revoked_while_the_service_runs_is_refused_soon(closed, home):
    whole, key = create_key(FileKeys(home), "ann", ("forecast",))
    take_in(closed)
    assert closed.get(ASKED, headers=bearer(whole)).status_code == 200

    revoke_key(FileKeys(home), key.id, hours=-1)
    deadline = time.monotonic() + 10
    while closed.get(ASKED, headers=bearer(whole)).status_code == 200:
        assert time.monotonic() < deadline


def test_a_key_for_something_else_is_forbidden(closed, home):
    forecast, _ = create_key(FileKeys(home), "ann", ("forecast",))
    observe, _ = create_key(FileKeys(home), "bob", ("observe",))
    take_in(closed)

    refused = closed.get("/metrics", headers=bearer(forecast))

    assert (refused.status_code, refused.json()["code"]) == (403, "SCOPE_MISSING")
    assert closed.get("/metrics", headers=bearer(observe)).status_code == 200
    assert closed.get(ASKED, headers=bearer(observe)).status_code == 403


@pytest.mark.parametrize(
    ("host", "anonymous", "answered"),
    [
        ("127.0.0.1", None, True),
        ("::1", None, True),
        ("localhost", None, True),
        ("0.0.0.0", None, False),  # noqa: S104 - only a setting
        ("forecasts.example", None, False),
        ("0.0.0.0", True, True),  # noqa: S104 - only a setting
        ("127.0.0.1", False, False),
    ],
)
def test_asking_without_a_key_is_the_default_on_loopback_alone(host, anonymous, answered):
    assert ServingSettings(host=host, anonymous=anonymous).anonymous_in_force is answered


def test_a_service_that_anybody_can_reach_limits_rates_unless_told_otherwise():
    assert ServingSettings(host="127.0.0.1").rate_in_force is None
    assert ServingSettings(host="0.0.0.0").rate_in_force == "600/minute"  # noqa: S104 - a setting
    assert ServingSettings(host="0.0.0.0", rate="none").rate_in_force is None  # noqa: S104 - as above
    assert ServingSettings(rate="5/second").rate_in_force == "5/second"


def test_one_request_too_many_is_told_when_to_come_back(open_client):
    client = open_client(rate="3/minute")

    statuses = [client.get(ASKED).status_code for _ in range(3)]
    refused = client.get(ASKED)

    assert statuses == [200, 200, 200]
    assert (refused.status_code, refused.json()["code"]) == (429, "TOO_MANY_REQUESTS")
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert client.get("/healthz").status_code == 200


def test_keys_are_counted_apart_from_each_other_and_from_addresses(open_client, home):
    client = open_client(rate="2/minute")
    keys = [create_key(FileKeys(home), name, ("forecast",))[0] for name in ("ann", "bob")]
    take_in(client)

    for _ in range(2):
        assert client.get(ASKED, headers=bearer(keys[0])).status_code == 200
    assert client.get(ASKED, headers=bearer(keys[0])).status_code == 429
    assert client.get(ASKED, headers=bearer(keys[1])).status_code == 200
    assert client.get(ASKED).status_code == 200


def test_guesses_of_keys_are_counted_too(open_client):
    client = open_client(rate="2/minute", anonymous=False)
    statuses = [client.get(ASKED, headers=bearer("guess")).status_code for _ in range(3)]

    assert statuses == [401, 401, 429]


def test_an_ipv6_client_is_counted_by_its_network():
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff")
    assert network_of("2001:db8:0:1::1") != network_of("2001:db8::1")
    assert network_of("::ffff:192.0.2.1") != network_of("::ffff:192.0.2.2")
    assert network_of("testclient") == "testclient"


@pytest.mark.parametrize(("limit", "storage"), [("often", "memory://"), ("5/minute", "nowhere://")])
def test_a_rate_that_cannot_be_counted_refuses_the_start(limit, storage):
    with pytest.raises(SettingsInvalid, match="600/minute"):
        Rates(limit, storage)


def test_where_the_shared_counter_is_away_each_process_counts_for_itself(open_client):
    with socket.socket() as taken:  # bound and not listening: whoever connects is refused
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        client = open_client(rate="2/minute", rate_storage=f"redis://127.0.0.1:{port}")

        statuses = [client.get(ASKED).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert client.app.state.parts.access.rates.errors == 3


class Ailing(SlidingWindowCounterRateLimiter):
    """A shared counter that counts, and then does not say when the next request may come."""

    asked = 0

    async def hit(self, *_asked):
        self.asked += 1
        return False

    async def get_window_stats(self, *_asked):
        raise StorageError(TimeoutError())


def test_a_shared_counter_that_fails_half_way_is_no_error_and_is_left_alone_for_a_while():
    rates = Rates("2/minute", "memory://")
    rates._shared = Ailing(MemoryStorage())

    async def count():
        for _ in range(3):
            await rates.count("ann")

    with pytest.raises(TooManyRequests):
        asyncio.run(count())
    assert (rates._shared.asked, rates.errors) == (1, 3)


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="there is no redis-server here")
def test_two_processes_count_together_in_redis(open_client, free_port, tmp_path):
    command = ["redis-server", "--port", str(free_port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as redis:
        try:
            deadline = time.monotonic() + 10
            while True:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", free_port)) == 0:
                        break
                assert time.monotonic() < deadline
            storage = f"redis://127.0.0.1:{free_port}"
            first, second = (open_client(rate="4/minute", rate_storage=storage) for _ in range(2))

            statuses = [each.get(ASKED).status_code for each in (first, second) * 3]
        finally:
            redis.terminate()

    assert statuses == [200, 200, 200, 200, 429, 429]


def test_damaged_keys_leave_the_earlier_ones_in_force(home):
    create_key(FileKeys(home), "ann", ("forecast",))
    ring = KeyRing(FileKeys(home))
    ring.refresh()

    keys_path(home).write_text("{broken")
    ring.refresh()

    assert len(ring.keys) == 1


def test_a_file_that_is_taken_away_takes_its_keys_with_it(home):
    create_key(FileKeys(home), "ann", ("forecast",))
    ring = KeyRing(FileKeys(home))
    ring.refresh()

    keys_path(home).unlink()
    ring.refresh()

    assert ring.keys == {}
