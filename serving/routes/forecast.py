"""Forecast from the station's own last days, or from a history that a client posts."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving.answers import Reach, encode, forecast_answer
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
    answers, asked = living.answers, (query.station, query.forecast_days, query.forecast_hours)
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
    record, forecaster = living.answers.parts(asked.station)
    history = posted_history(asked.history.time, asked.history.columns, record, forecaster.card)
    reach = Reach(days=asked.forecast_days, hours=asked.forecast_hours)
    answer = forecast_answer(record, forecaster, history, reach)
    return Response(encode(answer), media_type="application/json")
