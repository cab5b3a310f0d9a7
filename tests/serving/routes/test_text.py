import asyncio
import json
import time

import numpy as np
import pytest

from serving import texts as texts_module
from serving.routes import text as module
from tests.serving.texts import publish_version

ASKED = {"model": "wells", "prompt": "The Time", "length": 70, "temperature": 0}


@pytest.fixture
def live(home, tmp_path, client):
    """A client whose app has a language model."""
    publish_version(home, tmp_path)
    client.app.state.parts.texts.refresh()
    return client


def events(answer):
    """Return the (event, data) pairs of a stream."""
    found = []
    for block in answer.text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((lines.get("event", "message"), json.loads(lines["data"])))
    return found


def test_a_prompt_is_written_on(live):
    answer = live.post("/v1/text", json=ASKED)

    assert answer.status_code == 200
    told = answer.json()
    assert told["prompt"] == "the time"
    assert told["unknown"] == 0
    assert len(told["text"]) == 70
    assert told["model"] == {
        "name": "language-wells", "version": 1, "alias": "champion", "run_id": "run-1",
        "data_sha256": "d" * 64, "test_bits_per_character": 1.9,
    }  # fmt: skip


def test_the_same_text_comes_as_events_of_at_most_32_characters(live):
    whole = live.post("/v1/text", json=ASKED).json()["text"]

    answer = live.post("/v1/text", json=ASKED, headers={"accept": "text/event-stream"})

    assert answer.headers["content-type"].startswith("text/event-stream")
    *pieces, (name, last) = events(answer)
    assert "".join(data["text"] for _, data in pieces) == whole
    assert all(len(data["text"]) <= 32 for _, data in pieces)
    assert name == "done"
    assert last["written"] == 70
    assert last["model"]["version"] == 1


def test_a_seed_draws_the_same_text_and_another_one_another(live):
    drawn = [
        live.post("/v1/text", json={**ASKED, "temperature": 1, "seed": seed}).json()["text"]
        for seed in (1, 1, 2)
    ]

    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("temperature", [0, 1e-9, 1e-300, 100])
def test_every_temperature_from_zero_up_works(live, temperature):
    answer = live.post("/v1/text", json={**ASKED, "temperature": temperature, "top_p": 0.9})

    assert answer.status_code == 200
    assert "\ufffd" not in answer.json()["text"]


def test_a_text_is_scored_whole_and_by_character(live):
    asked = {"model": "language-wells", "text": "Time, Q!"}

    whole = live.post("/v1/text/score", json=asked).json()
    each = live.post("/v1/text/score", json={**asked, "per_character": True}).json()

    assert whole["characters"] == 7
    assert whole["unknown"] == 1
    assert whole["perplexity"] == pytest.approx(2 ** whole["bits_per_character"])
    assert "per_character" not in whole
    bits = each["per_character"]
    assert "".join(entry["character"] for entry in bits) == "time q "
    assert np.mean([entry["bits"] for entry in bits]) == pytest.approx(
        whole["bits_per_character"], abs=1e-3
    )


def raw(**words):
    return json.dumps({**ASKED, **words})


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        (raw(prompt=""), 422, "$.prompt"),
        (raw(prompt="a" * 10_001), 422, "$.prompt"),
        (raw(length=0), 422, "$.length"),
        (raw(length=10_001), 422, "$.length"),
        (raw(length="9"), 422, "$.length"),
        (raw(temperature=-0.1), 422, "$.temperature"),
        (raw(temperature=float("nan")), 422, "$.temperature"),
        (raw(temperature=float("inf")), 422, "$.temperature"),
        (raw(temperature="NaN"), 422, "$.temperature"),
        (raw().replace('"temperature": 0', '"temperature": 1e999'), 422, "$.temperature"),
        (raw(top_k=0), 422, "$.top_k"),
        (raw(top_p=0), 422, "$.top_p"),
        (raw(top_p=1.5), 422, "$.top_p"),
        (raw(seed=-1), 422, "$.seed"),
        (raw(seed=2**53 + 1), 422, "$.seed"),
        (raw(prompt="\ud800"), 422, "$.prompt"),
        (raw(surprise=1), 422, "$.surprise"),
        ("[" * 200, 400, "$"),
        ('{"model": "wells", "model": "wells"}', 400, "$.model"),
        ("{", 400, "$"),
        ("null", 422, "$"),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_what_cannot_be_written_on_is_a_problem_with_its_path(live, body, status, path, accept):
    answer = live.post("/v1/text", content=body, headers={"accept": accept})

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert path in {fault["path"] for fault in answer.json()["errors"]}
    assert len(answer.content) < 1_000


def test_a_text_that_cannot_be_scored_is_a_problem(live):
    for text in ("", "a" * 50_001, "\udfff", 7):
        body = json.dumps({"model": "wells", "text": text})
        assert live.post("/v1/text/score", content=body).status_code == 422
    assert live.post("/v1/text/score", content=b"\xff").status_code == 400


def test_a_body_that_is_too_large_is_refused(live):
    assert live.post("/v1/text", content=b" " * (2 * 2**20 + 1)).status_code == 413


@pytest.mark.parametrize("name", ["nobody", "climate-seattle", "../wells", "language-"])
def test_a_corpus_without_a_champion_is_said_to_have_none(live, name):
    answer = live.post("/v1/text", json={**ASKED, "model": name})

    assert answer.status_code == 404
    assert answer.json()["code"] == "MODEL_UNKNOWN"


def hurried(monkeypatch):
    monkeypatch.setattr(
        module.Deadline, "after", classmethod(lambda cls, _: cls(at=2.0, clock=iter_clock()))
    )


def iter_clock():
    ticks = iter(np.arange(1_000.0))
    return lambda: float(next(ticks))


def test_a_text_that_takes_too_long_is_a_problem_and_in_a_stream_an_event(live, monkeypatch):
    hurried(monkeypatch)
    answer = live.post("/v1/text", json={**ASKED, "length": 10_000})
    assert (answer.status_code, answer.json()["code"]) == (503, "TEXT_TIMEOUT")

    stream = live.post(
        "/v1/text", json={**ASKED, "length": 10_000}, headers={"accept": "text/event-stream"}
    )
    *_, (name, last) = events(stream)
    assert (name, last["code"], last["written"]) == ("problem", "TEXT_TIMEOUT", 32)
    assert live.app.state.parts.desk.busy == 0


def test_more_texts_than_places_are_told_to_come_back(live):
    desk = live.app.state.parts.desk
    for _ in range(4):
        desk.enter()

    for accept in ("application/json", "text/event-stream"):
        answer = live.post("/v1/text", json=ASKED, headers={"accept": accept})
        assert (answer.status_code, answer.json()["code"]) == (503, "OVERLOADED")
        assert answer.headers["retry-after"] == "1"
    assert live.get("/healthz").status_code == 200

    desk.leave()
    assert live.post("/v1/text", json=ASKED).status_code == 200
    assert desk.busy == 3


def test_a_reader_that_does_not_read_is_cut_off_and_leaves_its_place(live):
    parts = live.app.state.parts
    model = parts.texts.of("language-wells")
    parts.desk.enter()
    answer = module._TimedEvents(model, iter(["a"] * 5), parts)
    answer._seconds = -0.9

    async def never(_message):
        await asyncio.sleep(60)

    began = time.monotonic()
    asyncio.run(answer.stream_response(never))

    assert time.monotonic() - began < 5
    assert parts.desk.busy == 0


def test_a_graph_that_breaks_while_it_writes_is_told_without_its_innards(live, monkeypatch):
    def broken(*_):
        raise texts_module.ModelOutputInvalid("the model's graph cannot be run on this text")

    monkeypatch.setattr(texts_module.TextGraph, "__call__", broken)

    answer = live.post("/v1/text", json=ASKED)

    assert (answer.status_code, answer.json()["code"]) == (503, "MODEL_OUTPUT_INVALID")


def test_both_routes_stand_in_the_interface_with_their_bodies(live):
    paths = live.get("/openapi.json").json()["paths"]

    for path, field in (("/v1/text", "prompt"), ("/v1/text/score", "text")):
        schema = paths[path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert field in schema["properties"]
