"""Take MLflow's word that the registry has changed, and look at once."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from serving.living import Living
from serving.reading import BodyLimits, read_at_most

#: A delivery names a model, a version and an alias; a description may come with them.
DELIVERY_BYTES: Final = 64 * 2**10

router = APIRouter(prefix="/hooks", include_in_schema=False)


@router.post("/mlflow", status_code=202)
async def take_delivery(request: Request, living: Living) -> Response:
    """Let the healer run at once; what the delivery says is looked up in the registry itself."""
    if living.deliveries is None or living.healer is None:
        raise HTTPException(404)
    limits = BodyLimits(size=DELIVERY_BYTES, seconds=living.settings.request_seconds)
    body = await read_at_most(request.scope, request.receive, limits)
    living.deliveries.take(request.headers, body)
    living.healer.nudge()
    return Response(status_code=202)
