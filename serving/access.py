"""Say who may ask for what: trusted hosts, keys with scopes, and so many requests a minute."""

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv6Address, ip_address
from typing import Final

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string
from starlette.types import Scope

from forecasting.errors import GatecastError, SettingsInvalid
from serving.key_ring import KeyRing
from serving.keys import find_key
from serving.settings import ServingSettings

logger = logging.getLogger(__name__)

#: What anybody may ask: whether the process lives, and what the interface looks like.
OPEN: Final = ("/healthz", "/readyz", "/v2/health/", "/docs", "/openapi.json", "/static")

#: Routes that prove their sender by a signature of their own.
SIGNED: Final = ("/hooks/",)

#: How long a shared counter that failed is left alone: one that hangs delays whoever asks it.
ALONE_SECONDS: Final = 1.0


class KeyMissing(GatecastError):
    """The request needs a key and has none."""

    code = "KEY_MISSING"


class KeyRefused(GatecastError):
    """The key is not one of ours, has ended, or was revoked; which of these is not said."""

    code = "KEY_REFUSED"


class ScopeMissing(GatecastError):
    """The key is good, and not for this."""

    code = "SCOPE_MISSING"


class TooManyRequests(GatecastError):
    """The key, or the address, has asked too often.

    Args:
        message: one sentence.
        seconds: when the next request may come.
        expected: the limit.
    """

    code = "TOO_MANY_REQUESTS"

    def __init__(self, message: str, seconds: int, *, expected: object) -> None:
        super().__init__(message, expected=expected)
        self.seconds = seconds


class HostRefused(GatecastError):
    """The request names a host that this service is not."""

    code = "HOST_REFUSED"


def scope_of(path: str) -> str | None:
    """Return the scope that a path needs; None where it is open to all."""
    if path.startswith((*OPEN, *SIGNED)):
        return None
    return "observe" if path == "/metrics" else "forecast"


class Rates:
    """Counts requests by who sends them, in memory or in Redis.

    Where Redis is away each process counts for itself until it is back: a service that stops
    because it cannot count would be worse.

    Args:
        limit: such as `600/minute`; None counts nothing.
        storage: `memory://`, or a Redis address.

    Raises:
        SettingsInvalid: the limit or the address cannot be read.
    """

    def __init__(self, limit: str | None, storage: str) -> None:
        self.errors = 0
        self._alone_until = 0.0
        self._limit: RateLimitItem | None = None
        if limit is None:
            return
        try:
            self._limit = parse(limit)
            self._shared = SlidingWindowCounterRateLimiter(_storage(storage))
        except (ValueError, TypeError, ConfigurationError, StorageError, ImportError) as error:
            raise SettingsInvalid(
                "the rate limit cannot be used", expected="600/minute", found=str(error)
            ) from error
        self._own = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def count(self, who: str) -> None:
        """Count one request.

        Raises:
            TooManyRequests: it is one too many.
        """
        if self._limit is None:
            return
        if time.monotonic() >= self._alone_until:
            try:
                await self._hit(self._shared, self._limit, who)
            except (StorageError, OSError) as error:
                self._alone_until = time.monotonic() + ALONE_SECONDS
                logger.warning("rates are counted here alone: %s", type(error).__name__)
            else:
                return
        self.errors += 1
        await self._hit(self._own, self._limit, who)

    async def _hit(
        self, counting: SlidingWindowCounterRateLimiter, limit: RateLimitItem, who: str
    ) -> None:
        if not await counting.hit(limit, who):
            stats = await counting.get_window_stats(limit, who)
            seconds = max(1, round(stats.reset_time - datetime.now(UTC).timestamp()))
            raise TooManyRequests("too many requests", seconds, expected=str(limit))


@dataclass(frozen=True)
class Asker:
    """Who asks: the id of a key, or nothing but an address."""

    key: str | None
    address: str

    @property
    def name(self) -> str:
        """How requests are counted: by key where there is one."""
        return f"key:{self.key}" if self.key else f"address:{network_of(self.address)}"


class Access:
    """Lets a request in, or says why not.

    Args:
        settings: who may ask without a key, and how often.
        ring: the keys.
    """

    def __init__(self, settings: ServingSettings, ring: KeyRing) -> None:
        self._hosts = settings.hosts_in_force
        self._anonymous = settings.anonymous_in_force
        self._ring = ring
        self.rates = Rates(settings.rate_in_force, settings.rate_storage)

    async def admit(self, scope: Scope) -> Asker:
        """Check one request.

        Raises:
            HostRefused: it names another host.
            KeyMissing, KeyRefused, ScopeMissing: it may not ask for this.
            TooManyRequests: it asks too often.
        """
        host, presented = _headers_of(scope)
        if self._hosts and name_of(host) not in self._hosts:
            raise HostRefused("the host is not one that this service answers for")
        address = scope["client"][0] if scope.get("client") else ""
        needed = scope_of(scope["path"])
        if needed is None:
            return Asker(None, address)
        try:
            asker = Asker(self._key(presented, needed), address)
        except (KeyMissing, KeyRefused):
            # Guesses are counted too, and by where they come from.
            await self.rates.count(Asker(None, address).name)
            raise
        await self.rates.count(asker.name)
        return asker

    def _key(self, presented: str, needed: str) -> str | None:
        if not presented:
            if self._anonymous:
                return None
            raise KeyMissing("a key is needed", expected="Authorization: Bearer gck_…")
        key = find_key(self._ring.keys, presented)
        if key is None or not key.works(datetime.now(UTC)):
            raise KeyRefused("the key is not accepted", expected="a key that works")
        if not key.allows(needed):
            raise ScopeMissing("the key is not for this", expected=f"the scope {needed}")
        return key.id


def network_of(address: str) -> str:
    """Return how an address is counted: an IPv6 client has a whole /64 of them.

    >>> network_of("2001:db8:1:2:3::4"), network_of("192.0.2.7"), network_of("::FFFF:192.0.2.7")
    ('2001:db8:1:2::/64', '192.0.2.7', '192.0.2.7')
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    network = int(parsed) >> 64 << 64
    return f"{IPv6Address(network)}/64"


def name_of(host: str) -> str:
    """Return a Host header without its port, in lower case.

    >>> name_of("Example.org:8000"), name_of("[::1]:8000")
    ('example.org', '[::1]')
    """
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return host.partition(":")[0].lower()


def _headers_of(scope: Scope) -> tuple[str, str]:
    """Return the host and the key that a request names, both empty where it names none."""
    host, presented, hosts = "", "", 0
    for name, value in scope["headers"]:
        if name == b"host":
            hosts += 1
            # Of two, one would be checked and the other believed: together they name none.
            host = value.decode("latin-1") if hosts == 1 else ""
        elif name == b"x-api-key":
            presented = presented or value.decode("latin-1").strip()
        elif name == b"authorization":
            kind, _, rest = value.decode("latin-1").partition(" ")
            # Another kind of authorization is a key that is not ours.
            presented = rest.strip() if kind.lower() == "bearer" else "?"
    return host, presented


def _storage(address: str) -> Storage:
    if address.startswith("memory"):
        return MemoryStorage()
    # A counter that does not answer soon is worse than none.
    made = storage_from_string(
        f"async+{address}",
        implementation="redispy",
        wrap_exceptions=True,
        socket_timeout=0.25,
        socket_connect_timeout=0.25,
    )
    if not isinstance(made, Storage):
        raise TypeError(address)
    return made
