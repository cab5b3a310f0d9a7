"""Put the bodies, the examples and the tags of a route into the OpenAPI document."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Header
from pydantic import BaseModel

from serving.examples import CLIMATOLOGY, FORECAST, TABLE
from serving.schemas import standalone_schema

IfNoneMatch = Annotated[str | None, Header(description="tags of answers that the client has kept")]

Responses = dict[int | str, dict[str, Any]]

#: What a forecast looks like, by the name of the example.
FORECASTS: Final[Mapping[str, Any]] = {
    "forecast": {"summary": "level=80", "value": FORECAST},
    "climatology": {"summary": "fallback=true", "value": CLIMATOLOGY},
}

NOT_MODIFIED: Final[Responses] = {304: {"description": "the tag in If-None-Match still holds"}}


def posted(model: type[BaseModel]) -> dict[str, Any]:
    """Return how a body that the route reads itself stands in the document."""
    content = {"application/json": {"schema": standalone_schema(model)}}
    return {"requestBody": {"required": True, "content": content}}


def answered(examples: Mapping[str, Any], *, table: bool = True) -> Responses:
    """Return how the answers of a forecast stand in the document, as JSON and as CSV."""
    content: dict[str, Any] = {"application/json": {"examples": dict(examples)}}
    if table:
        content["text/csv"] = {"schema": {"type": "string"}, "example": TABLE}
    return {200: {"description": "The forecast", "content": content}}


def shown(example: Mapping[str, Any]) -> Responses:
    """Return how one example of an answer stands in the document."""
    content = {"application/json": {"example": dict(example)}}
    return {200: {"description": "Successful Response", "content": content}}
