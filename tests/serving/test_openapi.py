"""The OpenAPI document shows, for each route, an answer and every problem, and they are true."""

import json

import pytest
from pydantic import TypeAdapter

from serving.app import create_app
from serving.asking import BatchBody, ForecastBody
from serving.examples import BATCH, CLIMATOLOGY, FORECAST, MODEL, STATIONS, problem_example
from serving.problems import STATUS
from serving.schemas import BatchAnswer, ForecastAnswer, ModelAnswer, Problem, StationsAnswer

OWN = ("/v1/forecast", "/v1/models", "/v1/stations", "/v2")


@pytest.fixture(scope="module")
def document():
    return create_app().openapi()


@pytest.fixture(scope="module")
def operations(document):
    return {
        (path, method): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if path.startswith(OWN)
    }


def examples(content):
    return content.get("examples") or content.get("example")


def test_every_answer_has_an_example(operations):
    bare = [
        (where, kind)
        for where, operation in operations.items()
        for kind, content in operation["responses"]["200"]["content"].items()
        if not examples(content) and not where[0].endswith("/ready")
    ]

    assert len(operations) == 14
    assert bare == []


def test_every_problem_is_described_with_an_example(operations):
    for operation in operations.values():
        for status, response in operation["responses"].items():
            if int(status) >= 400 and "content" in response:
                (content,) = response["content"].values()
                assert examples(content), operation["operationId"]


@pytest.mark.parametrize(
    ("model", "example"),
    [
        (ForecastAnswer, FORECAST),
        (ForecastAnswer, CLIMATOLOGY),
        (ModelAnswer, MODEL),
        (StationsAnswer, STATIONS),
        (BatchAnswer, BATCH),
        *((Problem, problem_example(status)) for status in sorted(set(STATUS.values()))),
    ],
)
def test_an_example_is_what_its_schema_says(model, example):
    TypeAdapter(model).validate_json(json.dumps(example), strict=True)


def test_forecasts_name_their_problems(operations):
    get = operations["/v1/forecast", "get"]["responses"]

    assert {"200", "304", "404", "409", "422", "503"} <= get.keys()
    assert set(get["200"]["content"]) == {"application/json", "text/csv"}


@pytest.mark.parametrize(
    ("path", "model"), [("/v1/forecast", ForecastBody), ("/v1/forecast/batch", BatchBody)]
)
def test_bodies_stand_in_the_document(operations, path, model):
    schema = operations[path, "post"]["requestBody"]["content"]["application/json"]["schema"]

    assert set(schema["properties"]) == set(model.model_fields)
