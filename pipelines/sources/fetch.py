"""Fetch one address: guarded, bounded, retried with jitter, and over at one total deadline."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from typing import Self, TypeVar
from urllib.parse import urljoin

from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from forecasting.errors import SourceForbidden, SourceTooLarge, SourceUnavailable
from forecasting.settings import Settings
from pipelines.sources.guard import HTTPS_PORT, Target, check_url, is_public

MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
CHUNK_BYTES = 65_536
OK = frozenset({200})

T = TypeVar("T")


class Interrupted(SourceUnavailable):
    """A failure that another attempt may not meet."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a connection goes: a numeric address and a port."""

    address: str
    port: int


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a server said: status, where it points to, and the whole body."""

    status: int
    location: str
    body: bytes


def resolve(host: str) -> tuple[Endpoint, ...]:
    """Ask the system's resolver for the addresses of a host."""
    found = socket.getaddrinfo(host, HTTPS_PORT, type=socket.SOCK_STREAM)
    addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
    return tuple(Endpoint(address=address, port=HTTPS_PORT) for address in addresses)


@dataclass(frozen=True, kw_only=True)
class ConnectionPolicy:
    """Whom to ask and how patiently.

    Only code can build another one than `of` does: no setting, environment variable or
    declaration reaches `resolve`, `admits` or `trust`.
    """

    hosts: tuple[str, ...]
    deadline_seconds: float
    most_bytes: int
    resolve: Callable[[str], Sequence[Endpoint]] = resolve
    admits: Callable[[str], bool] = is_public
    trust: Callable[[], ssl.SSLContext] = ssl.create_default_context
    attempts: int = 5
    pause_seconds: float = 1.0
    silence_seconds: float = 15.0

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Build the policy in force from the settings."""
        return cls(
            hosts=settings.url_hosts,
            deadline_seconds=settings.fetch_deadline_seconds,
            most_bytes=settings.fetch_bytes,
        )


def fetch(url: str, policy: ConnectionPolicy, *, statuses: frozenset[int] = OK) -> Answer:
    """Ask for an address until the whole answer has come, or the deadline has.

    Args:
        url: https, to a host that the policy allows.
        policy: whom to ask and how patiently.
        statuses: the statuses whose body the caller reads.

    Raises:
        SourceForbidden: the address, or one it redirects to, may not be asked.
        SourceTooLarge: the answer is larger than the policy takes.
        SourceUnavailable: no whole answer came in time, or it was another status.
    """
    ends = time.monotonic() + policy.deadline_seconds
    attempts = Retrying(
        retry=retry_if_exception_type(Interrupted),
        stop=stop_after_attempt(policy.attempts) | stop_before_delay(policy.deadline_seconds),
        wait=wait_random_exponential(multiplier=policy.pause_seconds, max=10),
        reraise=True,
    )
    return attempts(_follow, url, policy, ends, statuses)


def _follow(url: str, policy: ConnectionPolicy, ends: float, statuses: frozenset[int]) -> Answer:
    for _ in range(MOST_REDIRECTS + 1):
        target = check_url(url, policy.hosts)
        answer = _ask(target, policy, ends)
        if answer.status in REDIRECTS:
            url = _redirected(url, answer.location)
            continue
        if answer.status in statuses:
            return answer
        kind = Interrupted if answer.status in PASSING else SourceUnavailable
        raise kind(f"{target.host} refused", expected="HTTP 200", found=f"HTTP {answer.status}")
    raise SourceForbidden(
        "the address redirects without end", expected=f"at most {MOST_REDIRECTS}", found="more"
    )


def _redirected(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise SourceForbidden("the address redirects to no address", found=error) from error


def _ask(target: Target, policy: ConnectionPolicy, ends: float) -> Answer:
    connection = _connect(target, policy, ends)
    try:
        with _cut_at(connection, ends):
            connection.request(
                "GET",
                target.path,
                headers={
                    "Host": target.host,
                    "User-Agent": "gatecast",
                    "Accept-Encoding": "identity",
                },
                preload_content=False,
                decode_content=False,
                enforce_content_length=True,
            )
            with closing(connection.getresponse()) as response:
                return _read(response, target.host, policy, ends)
    except (HTTPError, HTTPException, OSError) as error:
        raise Interrupted(
            f"{target.host} broke off", expected="a whole answer", found=_cause(error, ends)
        ) from error
    finally:
        connection.close()


def _connect(target: Target, policy: ConnectionPolicy, ends: float) -> HTTPSConnection:
    """Resolve once, check every address, and connect to one of exactly these."""
    failures: list[str] = []
    for endpoint in _endpoints(target.host, policy, ends):
        connection = HTTPSConnection(
            endpoint.address,
            endpoint.port,
            timeout=max(0.01, min(policy.silence_seconds, ends - time.monotonic())),
            # The certificate must be the named host's, though the connection is by number.
            server_hostname=target.host,
            ssl_context=policy.trust(),
        )
        try:
            connection.connect()
        except ssl.SSLCertVerificationError as error:
            connection.close()
            raise SourceUnavailable(
                f"{target.host} could not prove who it is",
                expected="its certificate",
                found=error.verify_message,
            ) from error
        except (HTTPError, OSError) as error:
            connection.close()
            failures.append(_cause(error, ends))
        else:
            return connection
    found = failures[0] if failures else "no address"
    raise Interrupted(f"{target.host} does not answer", expected="a connection", found=found)


def _endpoints(host: str, policy: ConnectionPolicy, ends: float) -> Sequence[Endpoint]:
    try:
        endpoints = within(ends - time.monotonic(), lambda: policy.resolve(host))
    except OSError as error:
        raise Interrupted(
            f"{host} cannot be resolved", expected="an address", found=_cause(error, ends)
        ) from error
    for endpoint in endpoints:
        if not policy.admits(endpoint.address):
            raise SourceForbidden(
                f"{host} leads to an inner address",
                expected="only public addresses",
                found=endpoint.address,
            )
    return endpoints


def _read(response: BaseHTTPResponse, host: str, policy: ConnectionPolicy, ends: float) -> Answer:
    if time.monotonic() >= ends:  # cut in the middle of the head, which then looks whole
        raise Interrupted(f"{host} broke off", expected="a whole answer", found="the deadline")
    location = response.headers.get("location", "")
    if response.status in REDIRECTS:
        return Answer(status=response.status, location=location, body=b"")
    chunked = "chunked" in response.headers.get("transfer-encoding", "")
    if not chunked and "content-length" not in response.headers:
        raise Interrupted(
            f"{host} does not say how long its answer is",
            expected="Content-Length or chunks",
            found="neither",
        )
    body = bytearray()
    while chunk := response.read1(CHUNK_BYTES):
        body += chunk
        if len(body) > policy.most_bytes:
            raise SourceTooLarge(
                f"{host} sends too much",
                expected=f"at most {policy.most_bytes} bytes",
                found="more",
            )
    return Answer(status=response.status, location=location, body=bytes(body))


@contextmanager
def _cut_at(connection: HTTPSConnection, ends: float) -> Iterator[None]:
    """Close the connection at the deadline, however slowly the server drips."""
    line = connection.sock
    timer = threading.Timer(max(0.0, ends - time.monotonic()), _shut, args=(line,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut(line: socket.socket) -> None:
    try:
        # Of the plain socket: an SSL socket would forget its keys under the reader's hands.
        socket.socket.shutdown(line, socket.SHUT_RDWR)
    except OSError:
        return  # it was closed a moment earlier, which is as good


def within(seconds: float, call: Callable[[], T]) -> T:
    """Return what a call returns, or stop waiting for it.

    Raises:
        TimeoutError: it took longer.
    """
    executor = ThreadPoolExecutor(max_workers=1)
    try:
        return executor.submit(call).result(timeout=max(0.0, seconds))
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _cause(error: Exception, ends: float) -> str:
    if time.monotonic() >= ends:
        return "nothing more before the deadline"
    return f"{type(error).__name__}: {error}"[:200]
