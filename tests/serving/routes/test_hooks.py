"""A signed delivery wakes the healer; anything else is a problem, and no secret takes none."""

import time

import pytest
from fastapi.testclient import TestClient
from mlflow.webhooks.delivery import _generate_hmac_signature

from serving.app import create_app
from serving.routes.hooks import DELIVERY_BYTES
from serving.settings import ServingSettings

KEY = "what the tests sign with"
HOOK = "/hooks/mlflow"


@pytest.fixture
def client_of(home):
    """A client of an app whose threads are not started."""

    def build(**changes):
        usual = {"home": home, "webhook_secret": KEY, "hosts": ("testserver",)}
        settings = usual | changes
        return TestClient(create_app(ServingSettings(**settings)), raise_server_exceptions=False)

    return build


def signed(body=b"{}", identity="one"):
    stamp = str(int(time.time()))
    return {
        "X-MLflow-Delivery-Id": identity,
        "X-MLflow-Timestamp": stamp,
        "X-MLflow-Signature": _generate_hmac_signature(KEY, identity, stamp, body.decode()),
    }


def nudged(client):
    return client.app.state.parts.healer._nudged.is_set()


def test_a_signed_delivery_wakes_the_healer(client_of):
    client = client_of()
    answer = client.post(HOOK, content=b"{}", headers=signed())

    assert (answer.status_code, answer.content) == (202, b"")
    assert nudged(client)


def test_a_repeated_delivery_is_a_conflict(client_of):
    client, headers = client_of(), signed()
    client.post(HOOK, content=b"{}", headers=headers)
    answer = client.post(HOOK, content=b"{}", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (409, "HOOK_REPEATED")


def test_a_delivery_that_nobody_signed_is_refused_and_wakes_nobody(client_of):
    client = client_of()
    answer = client.post(HOOK, content=b"{}", headers=signed() | {"X-MLflow-Signature": "v1,AA=="})

    assert (answer.status_code, answer.json()["code"]) == (401, "HOOK_REFUSED")
    assert answer.headers["content-type"] == "application/problem+json"
    assert not nudged(client)


def test_a_large_delivery_is_refused(client_of):
    body = b" " * (DELIVERY_BYTES + 1)
    answer = client_of().post(HOOK, content=body, headers=signed(body))

    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")


@pytest.mark.parametrize("changes", [{"webhook_secret": None}, {"heal": False}])
def test_without_a_secret_or_a_healer_there_is_no_such_place(client_of, changes):
    answer = client_of(**changes).post(HOOK, content=b"{}", headers=signed())

    assert answer.status_code == 404


def test_the_secret_stands_in_no_representation_of_the_settings(home):
    settings = ServingSettings(home=home, webhook_secret=KEY)

    assert KEY not in repr(settings) + settings.model_dump_json()
