"""Forecast many stations, or after many histories, in one request."""

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from forecasting.errors import GatecastError
from serving.answers import encode
from serving.asking import BATCH_ITEMS, BatchBody, read_batch_items
from serving.bodies import parse_json
from serving.examples import BATCH
from serving.items import batch_answers
from serving.living import Body, Living
from serving.problems import described, told
from serving.routes.admitted import AdmittedRoute
from serving.routes.documents import answered, posted
from serving.schemas import BatchAnswer

router = APIRouter(prefix="/v1", tags=["forecast"], route_class=AdmittedRoute)

#: Most lists and objects of a batch; a mebibyte of empty ones would stall all threads.
BRACKETS: Final = 16 * BATCH_ITEMS


def _posted() -> dict[str, Any]:
    """Return the body as documented: an item of another shape is taken too, and refused alone."""
    body = posted(BatchBody)
    schema = body["requestBody"]["content"]["application/json"]["schema"]["properties"]["items"]
    schema["items"] = {"anyOf": [schema["items"], {}]}
    return body


@router.post(
    "/forecast/batch",
    response_model=BatchAnswer,
    responses={
        **answered({"batch": {"summary": "the second fails alone", "value": BATCH}}, table=False),
        **described(400, 401, 403, 408, 413, 422, 429, 503),
    },
    openapi_extra=_posted(),
)
async def create_forecasts(body: Body, request: Request, living: Living) -> Response:
    """Forecast every item; one that cannot be answered has a problem in its place."""

    def work() -> bytes:
        items = read_batch_items(parse_json(body, brackets=BRACKETS))
        answers = [
            told(request, each) if isinstance(each, GatecastError) else each
            for each in batch_answers(living.answers, items)
        ]
        return encode({"answers": answers})

    return Response(await living.bench.do(work), media_type="application/json")
