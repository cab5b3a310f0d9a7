"""Forecast from the station's own last days, or from a history that a client posts."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving.answers import Reach, encode, forecast_answer, merged
from serving.bodies import parse_json
from serving.history import posted_history
from serving.living import Body, Living
from serving.problems import described
from serving.schemas import (
    ForecastAnswer,
    ForecastBody,
    ForecastQuery,
    HourlyForecastAnswer,
    read_forecast_body,
    standalone_schema,
)
from serving.selection import Selection, split_names

router = APIRouter(prefix="/v1", tags=["forecast"])

POSTED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": standalone_schema(ForecastBody)}},
    }
}


@router.get(
    "/forecast",
    response_model=ForecastAnswer | HourlyForecastAnswer,
    responses=described(404, 422, 503),
)
async def read_forecast(query: Annotated[ForecastQuery, Query()], living: Living) -> Response:
    """Forecast the steps after the station's last admitted one."""
    selection = Selection.of(split_names(query.daily), split_names(query.hourly))
    reach = (query.forecast_days, query.forecast_hours)
    answers, asked = living.answers, (query.station, *reach, selection)
    encoded = answers.kept(*asked)
    if encoded is None:
        encoded = await run_in_threadpool(answers.compute, *asked)
    return Response(encoded, media_type="application/json")


@router.post(
    "/forecast",
    response_model=ForecastAnswer | HourlyForecastAnswer,
    responses=described(400, 404, 413, 422, 503),
    openapi_extra=POSTED,
)
def create_forecast(body: Body, living: Living) -> Response:
    """Forecast the steps that follow the history in the request."""
    asked = read_forecast_body(parse_json(body))
    selection = Selection.of(asked.daily, asked.hourly)
    record, forecasters = living.answers.parts(asked.station, selection)
    reach = Reach(days=asked.forecast_days, hours=asked.forecast_hours)
    time, columns = asked.history.time, asked.history.columns
    answers = [
        forecast_answer(record, each, posted_history(time, columns, record, each.card), reach)
        for each in forecasters
    ]
    answer = answers[0] if selection.word is None else merged(answers)
    return Response(encode(answer), media_type="application/json")
