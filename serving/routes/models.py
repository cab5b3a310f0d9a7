"""Say which stations and which champions there are, and what a posted history must look like."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from serving.answers import encode, model_answer, station_answer
from serving.examples import MODEL, STATIONS
from serving.living import Living
from serving.problems import described
from serving.routes.documents import NOT_MODIFIED, IfNoneMatch, shown
from serving.schemas import ModelAnswer, StationsAnswer
from serving.tags import tag_of, tagged

router = APIRouter(prefix="/v1", tags=["models"])


@router.get(
    "/stations",
    response_model=StationsAnswer,
    responses={**shown(STATIONS), **NOT_MODIFIED, **described(401, 403, 422, 429)},
)
async def list_stations(living: Living, if_none_match: IfNoneMatch = None) -> Response:
    """List the stations known here."""
    live, records = living.champions.models, living.records
    known = [records.of(name) for name in records.names]
    body = encode({"stations": [station_answer(record, live) for record in known]})
    tag = tag_of(body, (record.recent.data_sha256 for record in known))
    return tagged(body, tag, "application/json", if_none_match)


@router.get(
    "/models/{station}",
    response_model=ModelAnswer,
    responses={**shown(MODEL), **NOT_MODIFIED, **described(401, 403, 404, 422, 429, 503)},
)
async def read_model(
    station: str,
    living: Living,
    target: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Describe the champion of the station's first target, or of the one that is named."""
    record, forecaster = living.answers.live.part(station, target)
    body = encode(model_answer(record, forecaster))
    sums = (forecaster.pointer.manifest_sha256, record.recent.data_sha256)
    return tagged(body, tag_of(body, sums), "application/json", if_none_match)
