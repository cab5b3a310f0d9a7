"""Show stations, their models, their data checks and the language models as pages."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from forecasting.errors import GatecastError
from serving.living import Body, Living, LivingParts
from serving.problems import headers_of, status_of
from serving.refusals import RequestRefused
from serving.routes.text import write_whole
from serving.text_schemas import LENGTH, PROMPT_CHARACTERS
from serving.texts import PREFIX, TextModel
from serving.web.assets import asset_answer
from serving.web.checks import checks_page
from serving.web.evidence import record_of
from serving.web.playground import BLANK, Form
from serving.web.rendering import Pages
from serving.web.station import first_station, neighbours, station_page

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

Target = Annotated[str | None, Query(min_length=1, max_length=64)]


class PageRoute(APIRoute):
    """A route whose refusals are pages; what nobody foresaw is the app's own affair."""

    def get_route_handler(self) -> Handler:
        """Wrap the handler."""
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            pages: Pages = request.app.state.pages
            try:
                return await handler(request)
            except RequestValidationError:
                detail = "the address's parameters are not valid"
                return pages.problem(request, 422, RequestRefused.code, detail)
            except GatecastError as error:
                if status_of(error) == 500:
                    raise
                return pages.refusal(request, error)

        return answer


router = APIRouter(route_class=PageRoute, include_in_schema=False)


def pages_of(request: Request) -> Pages:
    """Return the templates of the app that answers."""
    pages: Pages = request.app.state.pages
    return pages


@router.get("/")
async def show_first(
    request: Request,
    living: Living,
    station: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
) -> Response:
    """Show the first station that has a forecast; lead on to the one that was picked."""
    if station is not None:
        name = living.records.of(station).card.name
        return RedirectResponse(f"/stations/{name}", status_code=303)
    first = first_station(living)
    if first is None:
        return pages_of(request).answer(request, "empty", texts=corpora(living))
    return await _show(request, living, first, None)


@router.get("/stations/{name}")
async def show_station(
    request: Request, name: str, living: Living, target: Target = None
) -> Response:
    """Show a station's forecast, its model, how good it is and what was decided about it."""
    return await _show(request, living, name, target)


@router.get("/stations/{name}/data")
def show_checks(request: Request, name: str, living: Living, target: Target = None) -> Response:
    """Show what the data checks found in the station's data."""
    page = checks_page(living.settings.root, living.records.of(name), target)
    return pages_of(request).answer(
        request, "checks", page=page, stations=neighbours(living), texts=corpora(living)
    )


@router.get("/playground")
def show_playground(request: Request, living: Living) -> Response:
    """Show the form that lets a language model write."""
    names = corpora(living)
    form = Form(**{**BLANK, "model": names[0] if names else ""})
    return _playground(request, living, form)


@router.post("/playground")
async def write_on(request: Request, body: Body, living: Living) -> Response:
    """Write a prompt on and show it in the page, for a browser without scripts."""
    form = Form.of(body)
    try:
        asked = form.asked()
        model, prompt, text = await write_whole(asked, living)
    except GatecastError as error:
        if status_of(error) == 500:
            raise
        return await run_in_threadpool(_playground, request, living, form, error=error)
    written = {"prompt": prompt, "text": text, "unknown": model.unknown(prompt), "model": model}
    return await run_in_threadpool(_playground, request, living, form, written=written)


@router.get("/assets/{name}")
async def read_asset(request: Request, name: str) -> Response:
    """Give one of the files that the pages name."""
    asset = pages_of(request).asset(name)
    if asset is None:
        return pages_of(request).problem(request, 404, "NOT_FOUND", "there is no such file here")
    return asset_answer(asset, request.headers.get("if-none-match", ""))


def corpora(living: LivingParts) -> list[str]:
    """Return the corpora whose language model can write now."""
    return [name.removeprefix(PREFIX) for name in living.texts.models]


async def _show(request: Request, living: LivingParts, name: str, target: str | None) -> Response:
    """Forecast and render in a place at the forecasts' desk, like the API's own answers."""

    def show() -> Response:
        page = station_page(living, name, target)
        return pages_of(request).answer(
            request, "station", page=page, stations=neighbours(living), texts=corpora(living)
        )

    with living.forecasts.taken():
        return await living.bench.do(show)


def _playground(
    request: Request,
    living: LivingParts,
    form: Form,
    *,
    written: dict[str, Any] | None = None,
    error: GatecastError | None = None,
) -> Response:
    models: list[TextModel] = [living.texts.of(name) for name in living.texts.models]
    answer = pages_of(request).answer(
        request,
        "playground",
        status=200 if error is None else status_of(error),
        form=form,
        written=written,
        error=error,
        faults=error.faults if isinstance(error, RequestRefused) else (),
        models=models,
        limits={"prompt": PROMPT_CHARACTERS, "length": LENGTH},
        events={each.card.corpus: record_of(living.settings.root, each.pointer.model).events[:10]
                for each in models},
        texts=corpora(living),
    )  # fmt: skip
    answer.headers.update({} if error is None else headers_of(error))
    return answer
