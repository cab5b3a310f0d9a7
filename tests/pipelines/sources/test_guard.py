import pytest

from forecasting.errors import SourceForbidden
from pipelines.sources.fetch import ConnectionPolicy, Endpoint, fetch
from pipelines.sources.guard import check_url, is_public

HOSTS = ("data.example", "raw.githubusercontent.com")

#: Forty ways to write an address that leads inside, or that hides where it leads.
SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "0x7f.1",
    "127.0.0.1.",
    "0.0.0.0",  # noqa: S104 - refused, not bound
    "0",
    "10.1.2.3",
    "100.64.0.1",
    "169.254.169.254",
    "2852039166",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.168.0.1",
    "192.88.99.1",
    "198.18.0.1",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:8.8.8.8]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::a00:1]",
    "[2002:7f00:1::]",
    "[2001:0:53aa:64c::1]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fec0::1]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[5f00::1]",
    "[100::1]",
]
ADDRESSES = [
    text.strip("[]").replace("%25", "%") for text in SPELLINGS if text.count(".") in {0, 3}
]
NUMERIC = [address for address in ADDRESSES if ":" in address or address.count(".") == 3]


def test_the_list_holds_at_least_forty_spellings():
    assert len(set(SPELLINGS)) >= 40


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_inner_address_is_refused_even_when_the_settings_allow_it(spelling):
    allowed = (*HOSTS, spelling, spelling.strip("[]"))
    with pytest.raises(SourceForbidden):
        check_url(f"https://{spelling}/a.csv", allowed)


@pytest.mark.parametrize("address", NUMERIC)
def test_a_host_that_resolves_to_an_inner_address_is_refused(address):
    asked = []

    def resolve(host):
        asked.append(host)
        return (
            Endpoint(address="93.184.215.14", port=443),
            Endpoint(address=address, port=443),
        )

    policy = ConnectionPolicy(
        hosts=HOSTS, deadline_seconds=5, most_bytes=10, resolve=resolve, attempts=1
    )
    with pytest.raises(SourceForbidden, match="leads to an inner address"):
        fetch("https://data.example/a.csv", policy)
    assert asked == ["data.example"]


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.215.14", "172.15.0.1", "172.32.0.1", "2606:4700::1111"]
)
def test_a_public_address_is_admitted(address):
    assert is_public(address)


def test_a_plain_address_of_an_allowed_host_is_read():
    target = check_url("https://data.example/a%20b.csv?x=1&y=2#part", HOSTS)
    assert (target.host, target.path) == ("data.example", "/a%20b.csv?x=1&y=2")
    assert check_url("HTTPS://DATA.example:443", HOSTS).path == "/"


@pytest.mark.parametrize(
    "url",
    [
        "http://data.example/a.csv",
        "ftp://data.example/a.csv",
        "file:///etc/passwd",
        "data:text/csv,date",
        "//data.example/a.csv",
        "data.example/a.csv",
        "https:///a.csv",
        "https://other.example/a.csv",
        "https://data.example.other.org/a.csv",
        "https://xdata.example/a.csv",
        "https://data.example:8443/a.csv",
        "https://data.example:port/a.csv",
        "https://user@data.example/a.csv",
        "https://data.example@127.0.0.1/a.csv",
        "https://127.0.0.1\\@data.example/a.csv",
        "https://data.example\\.other.org/",
        "https://data.example/a b.csv",
        "https://data.example/a.csv\r\nHost: inner",
        "https://data。example/a.csv",
        "https://\uff11\uff12\uff17.0.0.1/a.csv",
        "https://[::1/a.csv",
        "https://localhost/a.csv",
        "",
    ],
)
def test_an_address_that_is_not_plain_https_to_an_allowed_host_is_refused(url):
    with pytest.raises(SourceForbidden):
        check_url(url, HOSTS)


def test_what_is_no_address_is_not_public():
    assert not is_public("data.example")
    assert not is_public("2606:4700::1111%eth0")
