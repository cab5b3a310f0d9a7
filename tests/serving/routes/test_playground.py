"""The playground's form is held to the rules of the API, and comes back with what was in it."""

import pytest

from tests.serving.texts import publish_version


@pytest.fixture
def write(client, home, tmp_path):
    """Post the playground's form to a home with a language model."""
    publish_version(home, tmp_path / "scratch")
    client.app.state.parts.texts.refresh()

    def post(**fields):
        known = {"model": "wells", "prompt": "the time ", "length": "40", "temperature": "0.5"}
        return client.post("/playground", data=known | fields)

    return post


def test_the_form_comes_back_with_what_the_api_writes(client, write):
    body = {"model": "wells", "prompt": "the time ", "length": 40, "temperature": 0.5}
    said = client.post("/v1/text", json=body).json()["text"]

    page = write().text

    assert f'<span id="written">{said}</span>' in page
    assert "40 characters by version 1 of language-wells" in page


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"length": "0"}, "length:"),
        ({"length": "10001"}, "length:"),
        ({"length": "many"}, "length: a number"),
        ({"length": "9" * 5000}, "length: a number"),
        ({"temperature": "nan"}, "temperature:"),
        ({"temperature": "1e999"}, "temperature:"),
        ({"prompt": ""}, "prompt:"),
        ({"prompt": "x" * 10_001}, "prompt:"),
    ],
)
def test_the_form_is_refused_by_the_rules_of_the_api(write, fields, told):
    answer = write(**fields)

    assert answer.status_code == 422
    assert told in answer.text
    assert 'role="alert"' in answer.text


def test_what_was_written_in_the_form_stands_in_it_again_as_text(write):
    page = write(prompt="</textarea><script>alert(1)</script>", length="0").text

    assert "<script>alert" not in page
    assert "&lt;/textarea&gt;&lt;script&gt;alert(1)" in page


def test_a_corpus_without_a_model_is_told_in_the_form(write):
    answer = write(model="nobody")

    assert answer.status_code == 404
    assert "no such model is live here" in answer.text


def test_a_full_desk_is_told_in_the_form(client, write):
    parts = client.app.state.parts
    places = range(parts.settings.text_places)
    for _ in places:
        parts.desk.enter()
    assert write().status_code == 503
    for _ in places:
        parts.desk.leave()
    assert write().status_code == 200


@pytest.mark.parametrize(
    "body", [b"\xff\xfe=1", b"&".join(b"a=1" for _ in range(50)), b"prompt=%ff"]
)
def test_a_body_that_is_no_form_is_refused_on_a_page(client, body):
    answer = client.post("/playground", content=body)

    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("text/html")


def test_without_a_language_model_the_playground_says_how_to_make_one(client):
    assert "gatecast language train" in client.get("/playground").text
