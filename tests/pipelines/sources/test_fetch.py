import socket
import ssl
import threading
import time

import pytest

from forecasting.errors import SourceForbidden, SourceTooLarge, SourceUnavailable
from forecasting.settings import load_settings
from pipelines.sources.fetch import ConnectionPolicy, Endpoint, fetch, resolve, within

URL = "https://data.example/a.csv?part=1"
BODY = b"date,temp,wind\n2024-01-01,1,2\n"


def hang(handler):
    handler.server.stub.over.wait(10)


def break_off(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(BODY)))
    handler.end_headers()
    handler.wfile.write(BODY[:10])


def break_off_in_a_chunk(handler):
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"1d\r\ndate,temp")


def in_chunks(*parts):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for part in parts:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        handler.wfile.write(b"0\r\n\r\n")

    return answer


def drip(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not handler.server.stub.over.wait(0.05):
        handler.wfile.write(b"x")


def drip_headers(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not handler.server.stub.over.wait(0.05):
        handler.wfile.write(b"x")


def test_a_whole_answer_comes_over_a_verified_connection(stub):
    answer = fetch(URL, stub.policy())
    assert (answer.status, answer.body) == (200, BODY)
    assert stub.requests == [("data.example", "/a.csv?part=1")]
    assert stub.names == ["data.example"]


def test_an_answer_in_chunks_is_put_together(stub):
    stub.answers = [in_chunks(BODY[:7], BODY[7:])]
    assert fetch(URL, stub.policy()).body == BODY


def test_a_server_with_another_name_is_refused_at_once(impostor):
    with pytest.raises(SourceUnavailable, match="could not prove who it is"):
        fetch(URL, impostor.policy())
    assert impostor.requests == []


def test_a_server_that_nobody_vouches_for_is_refused(stub):
    with pytest.raises(SourceUnavailable, match="could not prove who it is"):
        fetch(URL, stub.policy(trust=ssl.create_default_context))
    assert stub.requests == []


def test_a_passing_failure_is_asked_again(stub, answer_with):
    stub.answers = [answer_with(status=503), answer_with(status=429), answer_with(BODY)]
    assert fetch(URL, stub.policy()).body == BODY
    assert len(stub.requests) == 3


def test_a_failure_that_stays_is_told_after_bounded_attempts(stub, answer_with):
    stub.answers = [answer_with(status=503)]
    with pytest.raises(SourceUnavailable, match="expected HTTP 200; found HTTP 503"):
        fetch(URL, stub.policy())
    assert len(stub.requests) == 3


def test_a_final_refusal_is_not_asked_again(stub, answer_with):
    stub.answers = [answer_with(status=404)]
    with pytest.raises(SourceUnavailable, match="found HTTP 404"):
        fetch(URL, stub.policy())
    assert len(stub.requests) == 1


def test_a_source_that_is_down_is_told(stub):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = Endpoint(address="127.0.0.1", port=unused.getsockname()[1])
        with pytest.raises(SourceUnavailable, match="does not answer"):
            fetch(URL, stub.policy(resolve=lambda _: (closed,)))
        assert fetch(URL, stub.policy(resolve=lambda _: (closed, stub.endpoint))).body == BODY


def test_a_host_without_any_address_is_told(stub):
    def unknown(_host):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with pytest.raises(SourceUnavailable, match="cannot be resolved"):
        fetch(URL, stub.policy(resolve=unknown))
    with pytest.raises(SourceUnavailable, match="no address"):
        fetch(URL, stub.policy(resolve=lambda _: ()))


@pytest.mark.parametrize("answer", [hang, drip, drip_headers])
def test_one_deadline_ends_all_attempts(stub, answer):
    stub.answers = [answer]
    started = time.monotonic()
    with pytest.raises(SourceUnavailable, match="deadline"):
        fetch(URL, stub.policy(deadline_seconds=0.6))
    assert time.monotonic() - started < 2


def test_a_resolver_that_hangs_is_left_at_the_deadline(stub):
    over = threading.Event()
    started = time.monotonic()
    with pytest.raises(SourceUnavailable, match="cannot be resolved"):
        fetch(URL, stub.policy(deadline_seconds=0.3, resolve=lambda _: over.wait(5)))
    over.set()
    assert time.monotonic() - started < 2


def test_silence_is_cut_and_asked_again(stub, answer_with):
    stub.answers = [hang, answer_with(BODY)]
    assert fetch(URL, stub.policy(silence_seconds=0.2)).body == BODY


@pytest.mark.parametrize("answer", [break_off, break_off_in_a_chunk])
def test_half_an_answer_is_no_answer(stub, answer, answer_with):
    stub.answers = [answer]
    with pytest.raises(SourceUnavailable, match="broke off"):
        fetch(URL, stub.policy())
    assert len(stub.requests) == 3
    stub.answers = [answer, answer_with(BODY)]
    assert fetch(URL, stub.policy()).body == BODY


def test_an_answer_of_unsaid_length_is_no_answer(stub, answer_with):
    stub.answers = [answer_with(BODY, Content_Length=None)]
    with pytest.raises(SourceUnavailable, match="does not say how long"):
        fetch(URL, stub.policy())


@pytest.mark.parametrize(
    "build", [lambda body, reply: reply(body), lambda body, _: in_chunks(body)]
)
def test_more_than_the_allowed_bytes_are_not_read(stub, answer_with, build):
    stub.answers = [build(b"x" * 1000, answer_with)]
    assert len(fetch(URL, stub.policy(most_bytes=1000)).body) == 1000
    with pytest.raises(SourceTooLarge, match="at most 999 bytes"):
        fetch(URL, stub.policy(most_bytes=999))


def test_a_redirect_inside_the_allow_list_is_followed(stub, answer_with):
    stub.answers = [answer_with(status=302, Location="/b.csv"), answer_with(BODY)]
    assert fetch(URL, stub.policy()).body == BODY
    assert stub.requests[1] == ("data.example", "/b.csv")


@pytest.mark.parametrize(
    "location",
    [
        "http://data.example/b.csv",
        "https://other.example/b.csv",
        "https://127.0.0.1/b.csv",
        "https://[::1]/b.csv",
        "https://[",
        "file:///etc/passwd",
        "//169.254.169.254/latest/meta-data",
    ],
)
def test_a_redirect_is_checked_like_the_first_address(stub, answer_with, location):
    stub.answers = [answer_with(status=301, Location=location), answer_with(BODY)]
    with pytest.raises(SourceForbidden):
        fetch(URL, stub.policy())
    assert len(stub.requests) == 1


def test_a_redirect_to_a_host_that_now_leads_inside_is_refused(stub, answer_with):
    stub.answers = [answer_with(status=302, Location="/b.csv"), answer_with(BODY)]
    answers = [(stub.endpoint,), (Endpoint(address="10.0.0.1", port=443),)]
    with pytest.raises(SourceForbidden, match=r"found 10\.0\.0\.1"):
        fetch(URL, stub.policy(resolve=lambda _: answers.pop(0)))


def test_a_name_is_resolved_once_for_one_connection(stub):
    asked = []

    def rebinding(host):
        asked.append(host)
        return (stub.endpoint,) if len(asked) == 1 else (Endpoint(address="10.0.0.1", port=443),)

    assert fetch(URL, stub.policy(resolve=rebinding)).body == BODY
    assert asked == ["data.example"]


def test_redirects_without_end_are_refused(stub, answer_with):
    stub.answers = [answer_with(status=302, Location="/again")]
    with pytest.raises(SourceForbidden, match="without end"):
        fetch(URL, stub.policy())
    assert len(stub.requests) == 6


def test_no_setting_leads_the_program_to_a_loopback_server(stub, monkeypatch):
    monkeypatch.setenv("GATECAST_URL_HOSTS", '["localhost.localdomain"]')
    monkeypatch.setenv("GATECAST_ADMITS", "127.0.0.1")
    policy = ConnectionPolicy.of(load_settings())
    assert policy.hosts == ("localhost.localdomain",)
    loopback = ConnectionPolicy(
        hosts=policy.hosts,
        deadline_seconds=2,
        most_bytes=10,
        resolve=lambda _: (stub.endpoint,),
        admits=policy.admits,
    )
    with pytest.raises(SourceForbidden, match=r"found 127\.0\.0\.1"):
        fetch("https://localhost.localdomain/a.csv", loopback)
    assert stub.requests == []


def test_the_system_resolver_gives_each_address_once_with_the_https_port():
    assert Endpoint(address="127.0.0.1", port=443) in resolve("localhost")


def test_what_takes_too_long_is_not_waited_for():
    assert within(1, lambda: 7) == 7
    over = threading.Event()
    with pytest.raises(TimeoutError):
        within(0.05, lambda: over.wait(5))
    over.set()
