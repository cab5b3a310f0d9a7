"""Tell MLflow's own webhook deliveries from anybody else's: signed, fresh, and not seen before."""

import base64
import hashlib
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from forecasting.errors import GatecastError

#: How far a delivery's time may be from ours, and so how long its id is remembered, in seconds.
WINDOW_SECONDS: Final = 300

#: Most ids remembered: only signed deliveries count, so nobody else can fill this.
MOST_REMEMBERED: Final = 4096

#: The version of the signature that MLflow sends.
SIGNATURE_VERSION: Final = "v1"


class HookRefused(GatecastError):
    """A delivery that is not signed with our secret, or not of this moment."""

    code: ClassVar[str] = "HOOK_REFUSED"


class HookRepeated(GatecastError):
    """A delivery that was taken before."""

    code: ClassVar[str] = "HOOK_REPEATED"


class Deliveries:
    """Checks deliveries; used from the event loop alone, so it needs no lock.

    Args:
        secret: what MLflow was told to sign with.
        clock: seconds since 1970.
    """

    def __init__(self, secret: str, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret.encode()
        self._clock = clock
        self._taken: OrderedDict[str, float] = OrderedDict()

    def take(self, headers: Mapping[str, str], body: bytes) -> None:
        """Take a delivery, once.

        Args:
            headers: `X-MLflow-Signature`, `-Timestamp` and `-Delivery-Id` among them.
            body: as it came.

        Raises:
            HookRefused: the signature is missing or wrong, or the time is not within the window.
            HookRepeated: this delivery was taken before.
        """
        identity = headers.get("x-mlflow-delivery-id", "")
        stamp = headers.get("x-mlflow-timestamp", "")
        now = self._clock()
        signed = f"{identity}.{stamp}.".encode("latin-1", "replace") + body
        authentic = self._is_signed(signed, headers.get("x-mlflow-signature", ""))
        if not (authentic and identity and _is_fresh(stamp, now)):
            raise HookRefused(
                "the delivery cannot be trusted",
                expected=f"our secret's signature, no older than {WINDOW_SECONDS} s",
            )
        self._forget(now)
        if identity in self._taken:
            raise HookRepeated("the delivery was taken before", expected="a new delivery id")
        self._taken[identity] = now

    def _is_signed(self, signed: bytes, signatures: str) -> bool:
        """Compare in constant time; the form lets several signatures stand side by side."""
        digest = hmac.new(self._secret, signed, hashlib.sha256).digest()
        expected = f"{SIGNATURE_VERSION},".encode() + base64.b64encode(digest)
        given = signatures.encode("latin-1", "replace").split(b" ")
        return any(hmac.compare_digest(expected, each) for each in given[:8])

    def _forget(self, now: float) -> None:
        """Drop the ids whose deliveries would be refused as old anyway."""
        while self._taken:
            oldest = next(iter(self._taken.values()))
            if len(self._taken) < MOST_REMEMBERED and now - oldest <= 2 * WINDOW_SECONDS:
                return
            self._taken.popitem(last=False)


def _is_fresh(stamp: str, now: float) -> bool:
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):
        return False
    return abs(now - int(stamp)) <= WINDOW_SECONDS
