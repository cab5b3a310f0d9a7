"""A delivery counts when MLflow signed it, now, for the first time."""

import time

import pytest
from mlflow.webhooks.delivery import _generate_hmac_signature

from serving.hooks import WINDOW_SECONDS, Deliveries, HookRefused, HookRepeated

KEY = "what the tests sign with"
NOW = 1_800_000_000


class Clock:
    """Seconds since 1970 that a test moves."""

    now = float(NOW)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def deliveries(clock):
    return Deliveries(KEY, clock)


def signed(body="{}", *, identity="one", stamp=NOW, key=KEY):
    """Headers as MLflow's own code makes them."""
    return {
        "x-mlflow-delivery-id": identity,
        "x-mlflow-timestamp": str(stamp),
        "x-mlflow-signature": _generate_hmac_signature(key, identity, str(stamp), body),
    }


def test_mlflows_own_signature_is_taken(deliveries):
    deliveries.take(signed('{"entity": "é"}'), '{"entity": "é"}'.encode())


def test_one_good_signature_among_several_is_enough(deliveries):
    headers = signed()
    headers["x-mlflow-signature"] = f"v1,AAAA {headers['x-mlflow-signature']}"

    deliveries.take(headers, b"{}")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda headers: headers.pop("x-mlflow-signature"),
        lambda headers: headers.pop("x-mlflow-timestamp"),
        lambda headers: headers.pop("x-mlflow-delivery-id"),
        lambda headers: headers.update({"x-mlflow-signature": "v1,"}),
        lambda headers: headers.update({"x-mlflow-signature": "é"}),
        lambda headers: headers.update({"x-mlflow-delivery-id": "two"}),
        lambda headers: headers.update({"x-mlflow-timestamp": str(NOW + 1)}),
        lambda headers: headers.update(signed(key="another key of theirs")),
        lambda headers: headers.update(signed("[]")),
        lambda headers: headers.update(signed(identity="")),
        lambda headers: headers.update(signed(stamp="٣")),
        lambda headers: headers.update(signed(stamp="9" * 5000)),
        lambda headers: headers.update(signed(stamp=f"-{NOW}")),
    ],
)
def test_what_is_not_signed_as_it_stands_is_refused(deliveries, spoil):
    headers = signed()
    spoil(headers)

    with pytest.raises(HookRefused):
        deliveries.take(headers, b"{}")


@pytest.mark.parametrize("off", [-WINDOW_SECONDS - 1, WINDOW_SECONDS + 1])
def test_a_delivery_of_another_time_is_refused(deliveries, off):
    with pytest.raises(HookRefused):
        deliveries.take(signed(stamp=NOW + off), b"{}")


def test_a_repeated_delivery_is_refused_for_as_long_as_its_time_would_pass(deliveries, clock):
    latest = signed(stamp=NOW + WINDOW_SECONDS)
    deliveries.take(latest, b"{}")
    for clock.now in (NOW, NOW + WINDOW_SECONDS, NOW + 2 * WINDOW_SECONDS):
        with pytest.raises(HookRepeated):
            deliveries.take(latest, b"{}")


def test_refused_deliveries_are_not_remembered(deliveries):
    with pytest.raises(HookRefused):
        deliveries.take(signed(key="another key of theirs"), b"{}")

    deliveries.take(signed(), b"{}")


def test_old_ids_are_forgotten(deliveries, clock):
    for each in range(20):
        clock.now = NOW + each * WINDOW_SECONDS
        deliveries.take(signed(identity=str(each), stamp=int(clock.now)), b"{}")

    assert len(deliveries._taken) <= 4


def test_the_clock_is_the_worlds_where_none_is_given():
    Deliveries(KEY).take(signed(stamp=int(time.time())), b"{}")
