"""Say which stations and which champions there are, and what a posted history must look like."""

from typing import Annotated

from fastapi import APIRouter, Query

from serving.answers import model_answer, station_answer
from serving.living import Living
from serving.problems import described
from serving.schemas import ModelAnswer, StationAnswer, StationsAnswer

router = APIRouter(prefix="/v1", tags=["models"])


@router.get("/stations")
async def list_stations(living: Living) -> StationsAnswer:
    """List the stations known here."""
    live = living.champions.models
    return StationsAnswer(
        stations=[
            StationAnswer(**station_answer(living.records.of(name), live))
            for name in living.records.names
        ]
    )


@router.get("/models/{station}", responses=described(404, 422, 503))
async def read_model(
    station: str,
    living: Living,
    target: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
) -> ModelAnswer:
    """Describe the champion of the station's first target, or of the one that is named."""
    record, forecaster = living.answers.part(station, target)
    return ModelAnswer(**model_answer(record, forecaster))
