"""Write a prompt on, whole or as server-sent events; say how well a text was foretold."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from forecasting.errors import GatecastError
from serving.answers import encode
from serving.desk import Desk
from serving.living import Body, Living, LivingParts
from serving.problems import described
from serving.schemas import standalone_schema
from serving.text_schemas import (
    ScoreAnswer,
    ScoreBody,
    TextAnswer,
    TextBody,
    read_score_body,
    read_text_body,
)
from serving.texts import (
    Deadline,
    TextModel,
    score_answer,
    text_answer,
    text_model_name,
    text_version,
)

router = APIRouter(prefix="/v1", tags=["text"])

EVENTS: Final = "text/event-stream"

PROBLEMS = described(400, 401, 403, 404, 408, 413, 422, 429, 503)


def _posted(model: type[TextBody] | type[ScoreBody]) -> dict[str, Any]:
    content = {"application/json": {"schema": standalone_schema(model)}}
    return {"requestBody": {"required": True, "content": content}}


@router.post(
    "/text", response_model=TextAnswer, responses=PROBLEMS, openapi_extra=_posted(TextBody)
)
async def create_text(body: Body, request: Request, living: Living) -> Response:
    """Write a prompt on; with `Accept: text/event-stream`, piece by piece as it is written."""
    asked = read_text_body(body)
    if EVENTS in request.headers.get("accept", ""):
        model, _, pieces = _begun(asked, living)
        living.desk.enter()
        return _TimedEvents(model, pieces, living)
    model, prompt, text = await write_whole(asked, living)
    return Response(encode(text_answer(model, prompt, text)), media_type="application/json")


async def write_whole(asked: TextBody, living: LivingParts) -> tuple[TextModel, str, str]:
    """Write a prompt on at the desk; returns who wrote, the prompt as it was read, and the text.

    Raises:
        ModelUnknown: the corpus has no model.
        Overloaded: no place is free.
        TextTimeout: there was no time left.
        ModelOutputInvalid: the graph failed.
    """
    model, prompt, pieces = _begun(asked, living)
    with living.desk.taken():
        text = await run_in_threadpool("".join, pieces)
    return model, prompt, text


def _begun(asked: TextBody, living: LivingParts) -> tuple[TextModel, str, Iterator[str]]:
    """Return who will write, the prompt as it is read, and the pieces, of which none is written."""
    model = living.texts.of(text_model_name(asked.model))
    prompt = model.read(asked.prompt)
    deadline = Deadline.after(living.settings.text_seconds)
    return model, prompt, model.write(prompt, asked.length, asked.sampling, deadline)


@router.post(
    "/text/score", response_model=ScoreAnswer, responses=PROBLEMS, openapi_extra=_posted(ScoreBody)
)
async def score_text(body: Body, living: Living) -> Response:
    """Say how well the model foretold a text: perplexity, and bits a character."""
    asked = read_score_body(body)
    model = living.texts.of(text_model_name(asked.model))
    text = model.read(asked.text)
    deadline = Deadline.after(living.settings.text_seconds)
    with living.desk.taken():
        losses = await run_in_threadpool(model.losses, text, deadline)
    answer = score_answer(model, text, losses, each=asked.per_character)
    return Response(encode(answer), media_type="application/json")


class _TimedEvents(StreamingResponse):
    """A text as events; it leaves its place at the desk however it ends.

    A client that reads too slowly is cut off when the text's time is over.
    """

    def __init__(self, model: TextModel, pieces: Iterator[str], living: LivingParts) -> None:
        super().__init__(_events(model, pieces), media_type=EVENTS)
        self.headers["Cache-Control"] = "no-store"
        self._seconds = living.settings.text_seconds
        self._desk: Desk = living.desk

    async def stream_response(self, send: Send) -> None:
        """Send the events within the time that a text has."""
        try:
            # A second more than the text itself has, so that its own problem can still be told.
            async with asyncio.timeout(self._seconds + 1):
                await super().stream_response(send)
        except TimeoutError:
            return
        finally:
            self._desk.leave()


async def _events(model: TextModel, pieces: Iterator[str]) -> AsyncIterator[bytes]:
    """Yield one event a piece, then one that says which version wrote, or what went wrong."""
    written = 0
    try:
        while piece := await run_in_threadpool(next, pieces, ""):
            written += len(piece)
            yield b"data: " + encode({"text": piece}) + b"\n\n"
    except GatecastError as error:
        told = {"code": error.code, "detail": str(error), "written": written}
        yield b"event: problem\ndata: " + encode(told) + b"\n\n"
        return
    yield b"event: done\ndata: " + encode({"model": text_version(model), "written": written})
    yield b"\n\n"
