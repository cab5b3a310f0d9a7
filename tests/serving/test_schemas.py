"""What a body may hold, and that its schema stands alone."""

import json

import pytest

from serving.asking import BatchBody, ForecastBody, read_forecast_body
from serving.refusals import RequestRefused
from serving.schemas import Problem, standalone_schema


def test_a_body_is_read_with_its_variables():
    body = read_forecast_body(
        {"station": "seattle", "history": {"time": ["2015-12-31"], "rain": [1, None, 2.5]}}
    )

    assert body.forecast_days is None
    assert body.history.columns == {"rain": [1.0, None, 2.5]}


def test_a_body_that_says_no_more_wishes_what_one_does_that_says_the_defaults():
    least = {"station": "seattle", "history": {"time": ["2015-12-31"], "rain": [1]}}
    same = {**least, "timezone": "auto", "fallback": False, "format": "json", "daily": None}

    assert read_forecast_body(least).wish() == read_forecast_body(same).wish()


def test_every_missing_field_is_named():
    with pytest.raises(RequestRefused) as refused:
        read_forecast_body({"history": {}})

    paths = [fault.path for fault in refused.value.faults]
    assert paths == ["$.station", "$.history.time"]


@pytest.mark.parametrize("model", [ForecastBody, BatchBody, Problem])
def test_a_schema_stands_alone(model):
    schema = json.dumps(standalone_schema(model))

    assert "$ref" not in schema
    assert "$defs" not in schema
