"""Ask and post to a promoted model, and read the problem that comes back."""

import json

import pytest


@pytest.fixture
def promoted(client, promote, look):  # noqa: ARG001 - the app runs before its model comes
    """Promote version 3 of Seattle's model."""
    pointer = promote(3)
    look()
    return pointer


@pytest.fixture
def ask(client, promoted):  # noqa: ARG001 - the model is live
    """Ask for a forecast of a promoted model."""

    def get(**query):
        return client.get("/v1/forecast", params={"station": "seattle", **query})

    return get


@pytest.fixture
def post(client, promoted):  # noqa: ARG001 - the model is live
    """Post a body, as text or as an object, to a promoted model."""

    def send(body):
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        return client.post("/v1/forecast", content=content)

    return send


@pytest.fixture
def question(record):
    """A body that asks for what GET answers: the station's own days."""
    history = {"time": list(record.recent.time)}
    history |= {name: list(column) for name, column in record.recent.values.items()}
    return {"station": "seattle", "history": history, "forecast_days": 7}


@pytest.fixture
def fault():
    """Check that an answer is a problem; returns the path of its first fault."""

    def first_path(answer, status, code):
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["code"] == code
        assert problem["status"] == status
        assert problem["request_id"] == answer.headers["x-request-id"]
        return problem["errors"][0]["path"] if problem["errors"] else None

    return first_path
