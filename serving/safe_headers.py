"""Headers that every answer has, whoever writes it: the front, a page, or the server itself."""

from typing import Final

#: Names in lower case and their values, as ASGI has them.
Headers = list[tuple[bytes, bytes]]

#: A browser shall neither guess types, nor frame, nor say where it came from.
SAFE: Final[Headers] = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]

#: An answer of the API is no page: nothing may be loaded because of it.
API_POLICY: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")

#: An answer that says nothing else about it belongs in no cache.
NO_STORE: Final = (b"cache-control", b"no-store")

#: Asks the client to open a new connection for its next request.
CLOSE: Final = (b"connection", b"close")


def problem_bytes(status_line: bytes, body: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """Return a whole problem as it goes over the wire, for what never comes to the app."""
    length = (b"content-length", b"%d" % len(body))
    headers = [(b"content-type", b"application/problem+json"), length, *more, *SAFE, API_POLICY]
    lines = [b"%b: %b\r\n" % pair for pair in (*headers, NO_STORE)]
    return b"".join((b"HTTP/1.1 ", status_line, b"\r\n", *lines, b"\r\n", body))
