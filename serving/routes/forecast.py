"""Forecast from the station's own last days, or from a history that a client posts."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from serving.asking import ForecastBody, ForecastQuery
from serving.living import Body, Living
from serving.problems import described
from serving.routes.admitted import AdmittedRoute
from serving.routes.documents import FORECASTS, NOT_MODIFIED, IfNoneMatch, answered, posted
from serving.schemas import ForecastAnswer, HourlyForecastAnswer
from serving.tags import tagged

router = APIRouter(prefix="/v1", tags=["forecast"], route_class=AdmittedRoute)


@router.get(
    "/forecast",
    response_model=ForecastAnswer
    | HourlyForecastAnswer
    | list[ForecastAnswer | HourlyForecastAnswer],
    responses={
        **answered(FORECASTS),
        **NOT_MODIFIED,
        **described(401, 403, 404, 409, 422, 429, 503),
    },
)
async def read_forecast(
    query: Annotated[ForecastQuery, Query()],
    request: Request,
    living: Living,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Forecast the steps after the station's last admitted one."""
    answers, wishes = living.answers, query.wishes()
    kept = answers.kept(wishes)
    if kept is None:
        kept = await living.bench.do(lambda: answers.compute(wishes))
    living.shortcuts.remember(request.scope["query_string"], kept)
    return tagged(kept.body, kept.tag, kept.media_type, if_none_match)


@router.post(
    "/forecast",
    response_model=ForecastAnswer | HourlyForecastAnswer,
    responses={**answered(FORECASTS), **described(400, 401, 403, 404, 408, 413, 422, 429, 503)},
    openapi_extra=posted(ForecastBody),
)
async def create_forecast(body: Body, living: Living) -> Response:
    """Forecast the steps that follow the history in the request."""
    content, media_type = await living.posts.forecast(body)
    return Response(content, media_type=media_type)
