"""A question asked in the same words is answered without its route, and never with what is past."""

from dataclasses import replace

import pytest

from forecasting.stores.stations import write_station
from serving.kept import MOST_BYTES
from serving.key_stores import FileKeys
from serving.keys import create_key
from serving.shortcuts import LONGEST, MOST

ASKED = "/v1/forecast?station=seattle&forecast_days=3"


@pytest.fixture
def routed(client, monkeypatch):
    """Count the requests that reach a route."""
    reached = []
    middleware = client.app.middleware_stack
    while not hasattr(middleware, "_shortcuts"):
        middleware = middleware.app
    inner = middleware._app

    async def counting(scope, receive, send):
        reached.append(scope["path"])
        await inner(scope, receive, send)

    monkeypatch.setattr(middleware, "_app", counting)
    return reached


@pytest.fixture(autouse=True)
def _live(promote, look):
    promote(1)
    look()


def answer_of(client, path=ASKED, **headers):
    return client.get(path, headers=headers)


def test_the_second_answer_is_the_first_one_without_a_route(client, routed):
    first, second = answer_of(client), answer_of(client)

    assert routed == ["/v1/forecast"]
    assert second.content == first.content
    different = {"x-request-id"}
    kept = {name: value for name, value in second.headers.items() if name not in different}
    assert kept == {name: first.headers[name] for name in first.headers if name not in different}
    assert second.headers["x-request-id"] != first.headers["x-request-id"]


def test_a_client_that_has_the_answer_is_told_so(client, routed):
    first = answer_of(client)
    tag = first.headers["etag"]

    again = answer_of(client, **{"If-None-Match": f'"other", W/{tag}'})
    anew = answer_of(client, **{"If-None-Match": '"other"'})

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (anew.status_code, anew.content) == (200, first.content)
    assert len(routed) == 1


def test_a_swap_ends_a_shortcut_at_once(client, routed, promote, look):
    answer_of(client)
    promote(2, offset=3.0)
    look()

    assert answer_of(client).json()["model"]["version"] == 2
    assert len(routed) == 2


def test_a_new_day_ends_a_shortcut_at_once(client, routed, home, record, look):
    answer_of(client)
    days = record.recent
    shifted = {name: (*values[1:], values[0]) for name, values in days.values.items()}
    write_station(home, replace(record, recent=replace(days, values=shifted)))
    look()

    answer_of(client)
    assert len(routed) == 2


def test_an_answer_whose_time_is_over_is_not_sent(client, routed, monkeypatch):
    answer_of(client)
    answers = client.app.state.parts.answers
    (known,) = answers._kept.values()
    monkeypatch.setattr(answers, "clock", lambda: known.until)

    answer_of(client)
    assert len(routed) == 2


def test_other_words_for_the_same_question_go_the_long_way_once(client, routed):
    other = "/v1/forecast?forecast_days=3&station=seattle"

    assert answer_of(client).content == answer_of(client, other).content
    assert answer_of(client, other).status_code == 200
    assert len(routed) == 2


@pytest.mark.parametrize("path", ["/v1/forecast?station=nowhere", f"{ASKED}&unknown=1"])
def test_a_refusal_is_never_kept(client, routed, path):
    statuses = [answer_of(client, path).status_code for _ in range(2)]

    assert statuses[0] == statuses[1] >= 400
    assert len(routed) == 2


def test_a_shortcut_opens_no_door(client, home, monkeypatch):
    answer_of(client)
    access = client.app.state.parts.access
    monkeypatch.setattr(access, "_anonymous", False)
    whole, _ = create_key(FileKeys(home), "ann", ("forecast",))
    access._ring.refresh()

    assert answer_of(client).status_code == 401
    assert answer_of(client, **{"X-API-Key": whole}).status_code == 200


def test_a_shortcut_is_counted_as_its_route(client):
    for _ in range(3):
        answer_of(client)

    told = client.get("/metrics").text
    assert 'gatecast_requests_total{method="GET",route="/v1/forecast",status="200"} 3.0' in told


def test_memory_for_shortcuts_is_bounded(client):
    shortcuts = client.app.state.parts.shortcuts
    answer_of(client)
    (kept,) = client.app.state.parts.answers._kept.values()

    for number in range(MOST + 10):
        shortcuts.remember(b"%d" % number, kept)
    shortcuts.remember(b"x" * (LONGEST + 1), kept)

    assert len(shortcuts._known) <= MOST
    assert max(map(len, shortcuts._known)) <= LONGEST


def test_shortcuts_keep_no_more_bytes_than_the_answers_themselves(client):
    shortcuts = client.app.state.parts.shortcuts
    answer_of(client)
    (kept,) = client.app.state.parts.answers._kept.values()

    for number in range(40):
        shortcuts.remember(b"%d" % number, replace(kept, body=bytes(MOST_BYTES // 16)))

    held = [each.body for each, _ in shortcuts._known.values()]
    assert sum(map(len, held)) == shortcuts._bytes <= MOST_BYTES
