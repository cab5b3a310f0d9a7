"""Decide which addresses this program may ask; everything that is not plainly public is not."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from forecasting.errors import SourceForbidden

#: A host in letters: at least two labels, the last one no number. What the C library would
#: read as an address (127.1, 0x7f.1, 2130706433) cannot be spelled so.
HOST = re.compile(
    r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"
)
PLAIN = re.compile(r"[!-\[\]-~]+")  # visible ASCII without the backslash
HTTPS_PORT = 443

#: Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries. Written out because the
#: standard library's `is_global` changes between Python versions and lets multicast through.
NOT_PUBLIC: tuple[IPv4Network | IPv6Network, ...] = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's inner service at a public address
        "169.254.0.0/16",  # link-local and cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved and broadcast
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which holds any IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)

#: The only IPv6 block from which public addresses are given. Outside lie loopback, mapped and
#: compatible IPv4, NAT64 (64:ff9b::/96), local, link-local, site-local and multicast.
GLOBAL_UNICAST = ip_network("2000::/3")


@dataclass(frozen=True, kw_only=True)
class Target:
    """Whom to ask for what: a host of the allow-list, and the path with its query."""

    host: str
    path: str


def check_url(url: str, hosts: tuple[str, ...]) -> Target:
    """Read an address that this program may ask.

    Args:
        url: what a dataset or a redirect names.
        hosts: the allow-list.

    Raises:
        SourceForbidden: it is not plain https to a host of the allow-list.
    """
    parts = _split(url)
    host = parts.hostname or ""
    if HOST.fullmatch(host) is None:
        raise SourceForbidden(
            "the address names no ordinary host", expected="a host name", found=repr(host[:100])
        )
    if host not in hosts:
        raise SourceForbidden(
            "the host is not allowed", expected=f"one of {', '.join(hosts)}", found=host
        )
    query = f"?{parts.query}" if parts.query else ""
    return Target(host=host, path=f"{parts.path or '/'}{query}")


def _split(url: str) -> SplitResult:
    if PLAIN.fullmatch(url) is None:
        raise SourceForbidden(
            "the address holds unusual characters",
            expected="visible ASCII",
            found=repr(url[:100]),
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SourceForbidden("the address cannot be read", found=error) from error
    if parts.scheme != "https":
        raise SourceForbidden("only https is asked", expected="https", found=parts.scheme or "none")
    if "@" in parts.netloc or port not in {None, HTTPS_PORT}:
        raise SourceForbidden(
            "the address names more than a host", expected="no user and no port", found="one"
        )
    return parts


def is_public(address: str) -> bool:
    """Tell whether a numeric address lies on the public internet.

    Args:
        address: IPv4 or IPv6, as a resolver returns it; a zone makes it local.
    """
    try:
        number = ip_address(address)
    except ValueError:
        return False
    if "%" in address:
        return False
    if number.version == GLOBAL_UNICAST.version and number not in GLOBAL_UNICAST:
        return False
    return not any(number in network for network in NOT_PUBLIC)
