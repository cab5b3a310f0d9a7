"""Speak the Open Inference Protocol, version 2, so that its standard clients work."""

import json
from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response

from forecasting.errors import GatecastError, NoChampion
from serving.examples import INFER_ANSWER, INFER_QUESTION, INFERENCE_ERROR, METADATA
from serving.inference import SERVER, infer, live_version, metadata
from serving.living import Body, Living, LivingParts
from serving.problems import answer_error
from serving.routes.documents import Responses, shown
from serving.routes.health import unready
from serving.schemas import standalone_schema
from serving.tensors import InferBody

LENGTH: Final = "Inference-Header-Content-Length"


class InferenceRoute(APIRoute):
    """A route whose refusals have the protocol's form: one sentence, our code and id beside it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler that answers a request."""
        handler = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            parts: LivingParts = request.app.state.parts
            try:
                with parts.forecasts.taken() if request.method == "POST" else nullcontext():
                    return await handler(request)
            except GatecastError as error:
                return _refusal(request, error)

        return guarded


router = APIRouter(prefix="/v2", tags=["open inference protocol"], route_class=InferenceRoute)


def _refusal(request: Request, error: GatecastError) -> Response:
    """Return an error of the protocol, to which a model that is not live is not found."""
    answer = answer_error(request, error)
    problem = json.loads(bytes(answer.body))
    kept = ("retry-after", "connection")
    return JSONResponse(
        {
            "error": problem["detail"],
            **{name: problem[name] for name in ("code", "request_id", "errors")},
        },
        404 if isinstance(error, NoChampion) else answer.status_code,
        {name: answer.headers[name] for name in kept if name in answer.headers},
    )


def _refusals(*statuses: int) -> Responses:
    content = {"application/json": {"example": INFERENCE_ERROR}}
    return {status: {"description": "refused", "content": content} for status in statuses}


POSTED: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": standalone_schema(InferBody),
                "example": INFER_QUESTION,
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.get("", responses=shown(SERVER))
async def server_metadata() -> dict[str, Any]:
    """Say who answers, and which extensions of the protocol are known."""
    return SERVER


@router.get("/health/live", responses=shown({"live": True}))
async def server_live() -> dict[str, bool]:
    """Answer while the process can answer at all."""
    return {"live": True}


@router.get("/health/ready", responses={**shown({"ready": True}), 503: {"description": "not yet"}})
async def server_ready(living: Living) -> JSONResponse:
    """Answer 200 once the published champions have been looked at, and are looked at again."""
    ready = unready(living) is None
    return JSONResponse({"ready": ready}, status_code=200 if ready else 503)


@router.get(
    "/models/{model}/versions/{version}", responses={**shown(METADATA), **_refusals(404, 422)}
)
@router.get("/models/{model}", responses={**shown(METADATA), **_refusals(404, 422)})
async def model_metadata(model: str, living: Living, version: str | None = None) -> dict[str, Any]:
    """Say which tensors a model takes and gives."""
    return metadata(live_version(living.answers.live, model, version))


@router.get("/models/{model}/versions/{version}/ready", responses=_refusals(404, 422))
@router.get("/models/{model}/ready", responses=_refusals(404, 422))
async def model_ready(model: str, living: Living, version: str | None = None) -> dict[str, Any]:
    """Answer 200 where the model is live."""
    forecaster = live_version(living.answers.live, model, version)
    return {"name": forecaster.card.model, "ready": True}


@router.post(
    "/models/{model}/versions/{version}/infer",
    responses={**shown(INFER_ANSWER), **_refusals(400, 404, 408, 413, 422, 503)},
    openapi_extra=POSTED,
)
@router.post(
    "/models/{model}/infer",
    responses={**shown(INFER_ANSWER), **_refusals(400, 404, 408, 413, 422, 503)},
    openapi_extra=POSTED,
)
async def model_infer(
    model: str,
    body: Body,
    living: Living,
    version: str | None = None,
    inference_header_content_length: Annotated[str | None, Header()] = None,
) -> Response:
    """Forecast after each history of a batch: quantiles by lead and level."""
    live = living.answers.live
    forecaster = live_version(live, model, version)
    length = inference_header_content_length
    content, size = await living.bench.do(lambda: infer(live, forecaster, body, length))
    if size is None:
        return Response(content, media_type="application/json")
    return Response(content, media_type="application/octet-stream", headers={LENGTH: str(size)})
