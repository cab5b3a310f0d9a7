"""Answer every error as application/problem+json: a code, a sentence, an id, and no echo."""

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from forecasting.errors import (
    GatecastError,
    ModelOutputInvalid,
    NoChampion,
    StationUnknown,
    VersionUnknown,
)
from serving.access import (
    HostRefused,
    KeyMissing,
    KeyRefused,
    ScopeMissing,
    TooManyRequests,
)
from serving.bodies import shown_key
from serving.desk import RETRY_SECONDS, Overloaded, WorkTimeout
from serving.examples import problem_example
from serving.hooks import HookRefused, HookRepeated
from serving.refusals import (
    FAULTS_SHOWN,
    BodyTooLarge,
    BodyTooSlow,
    BodyUnreadable,
    DataTooOld,
    Fault,
    NoClimatology,
    RequestRefused,
    StationOutgrown,
    StationUnobserved,
)
from serving.schemas import Problem, standalone_schema
from serving.texts import ModelUnknown, TextTimeout

logger = logging.getLogger(__name__)

FAILED_HERE: Final = "the request failed here, not at your end; quote the request id"

#: The one map from refusal to status; a class not here counts as its nearest base.
STATUS: Final[Mapping[type[BaseException], int]] = {
    RequestRefused: 422,
    BodyUnreadable: 400,
    BodyTooLarge: 413,
    BodyTooSlow: 408,
    HostRefused: 421,
    KeyMissing: 401,
    KeyRefused: 401,
    ScopeMissing: 403,
    TooManyRequests: 429,
    Overloaded: 503,
    WorkTimeout: 503,
    TextTimeout: 503,
    ModelUnknown: 404,
    StationUnknown: 404,
    NoChampion: 503,
    HookRefused: 401,
    HookRepeated: 409,
    VersionUnknown: 404,
    StationUnobserved: 422,
    StationOutgrown: 503,
    DataTooOld: 409,
    NoClimatology: 503,
    ModelOutputInvalid: 503,
}


def install_problems(app: FastAPI) -> None:
    """Let every error of the app leave as a problem."""
    app.add_exception_handler(GatecastError, _answer_refusal)
    app.add_exception_handler(RequestValidationError, _answer_invalid_query)
    app.add_exception_handler(HTTPException, _answer_http)


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how a route's problems stand in the OpenAPI document."""
    schema = standalone_schema(Problem)
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {
                "application/problem+json": {"schema": schema, "example": problem_example(status)}
            },
        }
        for status in statuses
    }


def status_of(error: BaseException) -> int:
    """Return the HTTP status of an error, by its nearest listed base; 500 when none is."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def problem(
    request: Request, *, status: int, code: str, detail: str, faults: Sequence[Fault] = ()
) -> Response:
    """Return one problem as RFC 9457 describes it, with our code and the request's id."""
    content = problem_content(request, status=status, code=code, detail=detail, faults=faults)
    return Response(
        json.dumps(content, ensure_ascii=True), status, media_type="application/problem+json"
    )


def problem_content(
    request: Request, *, status: int, code: str, detail: str, faults: Sequence[Fault] = ()
) -> dict[str, Any]:
    """Return what one problem holds."""
    return problem_of(request.state.request_id, status, code, detail, faults)


def problem_of(
    identifier: str, status: int, code: str, detail: str, faults: Sequence[Fault] = ()
) -> dict[str, Any]:
    """Return what the problem of the request with that id holds."""
    return {
        "type": f"urn:gatecast:problem:{code.lower().replace('_', '-')}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": identifier,
        "errors": [{"path": fault.path, "message": fault.message} for fault in faults],
    }


def told(request: Request, error: GatecastError) -> dict[str, Any]:
    """Return a refusal as it stands inside an answer that has others beside it."""
    status = status_of(error)
    if status == 500:
        logger.error("request %s failed in part", request.state.request_id, exc_info=error)
        return problem_content(request, status=500, code="INTERNAL", detail=FAILED_HERE)
    faults = error.faults if isinstance(error, RequestRefused) else ()
    return problem_content(
        request, status=status, code=error.code, detail=str(error), faults=faults
    )


def answer_error(request: Request, error: Exception) -> Response:
    """Return the problem of any error: a refusal as it is, anything else as INTERNAL."""
    status = status_of(error)
    if not isinstance(error, GatecastError) or status == 500:
        return _unknown(request, error)
    if isinstance(error, ModelOutputInvalid):
        logger.warning("request %s: %s %s", request.state.request_id, error.code, error)
    faults = error.faults if isinstance(error, RequestRefused) else ()
    answer = problem(request, status=status, code=error.code, detail=str(error), faults=faults)
    answer.headers.update(headers_of(error))
    return answer


def headers_of(error: GatecastError) -> dict[str, str]:
    """Return what a refusal says beside its body: when to come back, or how to be let in."""
    if isinstance(error, Overloaded | WorkTimeout):
        return {"Retry-After": str(RETRY_SECONDS)}
    if isinstance(error, TooManyRequests):
        return {"Retry-After": str(error.seconds)}
    if isinstance(error, KeyMissing | KeyRefused):
        return {"WWW-Authenticate": "Bearer"}
    return {"Connection": "close"} if isinstance(error, BodyTooSlow) else {}


async def _answer_refusal(request: Request, error: Exception) -> Response:
    return answer_error(request, error)


async def _answer_invalid_query(request: Request, error: Exception) -> Response:
    details = error.errors() if isinstance(error, RequestValidationError) else []
    faults = [
        Fault(
            path=".".join(shown_key(str(part)) for part in detail["loc"][1:]),
            message=detail["msg"],
        )
        for detail in details[:FAULTS_SHOWN]
    ]
    return problem(
        request,
        status=422,
        code=RequestRefused.code,
        detail="the request's parameters are not valid",
        faults=faults,
    )


async def _answer_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    phrase = HTTPStatus(status).phrase
    code = phrase.upper().replace(" ", "_").replace("-", "_")
    answer = problem(request, status=status, code=code, detail=phrase)
    answer.headers.update(getattr(error, "headers", None) or {})
    if status == 405:
        answer.headers["Allow"] = _allowed(request) or answer.headers.get("Allow", "")
    return answer


def _allowed(request: Request) -> str:
    """Return all methods of the path that was asked for: each of its routes knows only its own."""
    template = getattr(request.scope.get("route"), "path", "")
    methods = request.app.openapi()["paths"].get(template, {})
    return ", ".join(sorted(method.upper() for method in methods))


def _unknown(request: Request, error: Exception) -> Response:
    """Say only that it failed; the log has the rest under the same id."""
    logger.error("request %s failed", request.state.request_id, exc_info=error)
    return problem(
        request,
        status=500,
        code="INTERNAL",
        detail=FAILED_HERE,
    )
