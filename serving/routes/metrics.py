"""Give the counters to Prometheus."""

from typing import Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving.living import Living
from serving.living_state import LivingState

router = APIRouter(tags=["operations"])

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/metrics", response_class=Response, responses={200: {"content": {TEXT: {}}}})
async def read_metrics(living: Living) -> Response:
    """Return every counter of the service in Prometheus' text form."""
    told = await run_in_threadpool(living.metrics.expose, LivingState(living))
    return Response(told, media_type=TEXT)
