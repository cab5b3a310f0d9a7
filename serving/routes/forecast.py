"""Forecast from the station's own last days, or from a history that a client posts."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from serving.asking import ForecastBody, ForecastQuery, read_forecast_body
from serving.bodies import parse_json
from serving.forecasts import Posted, Prepared, answer, run
from serving.kept import encoded
from serving.living import Body, Living
from serving.problems import described
from serving.routes.admitted import AdmittedRoute, PostedRoute
from serving.routes.documents import FORECASTS, NOT_MODIFIED, IfNoneMatch, answered, posted
from serving.schemas import ForecastAnswer, HourlyForecastAnswer
from serving.tags import tagged

router = APIRouter(prefix="/v1", tags=["forecast"], route_class=AdmittedRoute)
posts = APIRouter(prefix="/v1", tags=["forecast"], route_class=PostedRoute)

#: A body up to this size is read at once: sending it to a thread and back costs as much.
SMALL_BYTES: Final = 2**16


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


@posts.post(
    "/forecast",
    response_model=ForecastAnswer | HourlyForecastAnswer,
    responses={**answered(FORECASTS), **described(400, 401, 403, 404, 408, 413, 422, 429, 503)},
    openapi_extra=posted(ForecastBody),
)
async def create_forecast(body: Body, living: Living) -> Response:
    """Forecast the steps that follow the history in the request."""

    def read() -> Prepared:
        asked = read_forecast_body(parse_json(body))
        history = Posted(asked.history.time, asked.history.columns)
        return living.answers.prepare_posted(asked.wish(), history)

    prepared = read() if len(body) <= SMALL_BYTES else await living.bench.do(read)
    (said,) = await living.bench.do(lambda: run([prepared]))
    content, media_type = encoded([answer(prepared, said)], prepared.wish)
    return Response(content, media_type=media_type)
