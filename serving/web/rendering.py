"""Render templates, loaded once, into answers that may run and load nothing but our own files."""

from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from forecasting.errors import GatecastError
from serving.problems import headers_of, status_of
from serving.settings import ServingSettings
from serving.web import words
from serving.web.assets import Asset, own_assets
from serving.web.bundle import ChartLibrary
from serving.web.evidence import mean

#: What a page may do: our own files and nothing else. No inline script, no inline style.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

#: Beside what every answer has. A page says what is live now: asked for again each time.
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}

TEMPLATES: Final = Path(__file__).parent / "templates"


class Pages:
    """The templates, our own files, and the chart library as far as it is there.

    Args:
        settings: where the home folder and MLflow's own pages are.
    """

    def __init__(self, settings: ServingSettings) -> None:
        self._own = own_assets()
        # Where the home can go away, nothing may be written in its place.
        folder = settings.copies or settings.root
        self._library = ChartLibrary(folder, enabled=settings.rich_charts)
        self._mlflow = mlflow_pages(settings)
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.globals |= {
            "style": self._named("page", ".css"),
            "script": self._named("page", ".js"),
        }
        self._templates.filters |= {
            "spoken": words.spoken, "number": words.number, "percent": words.percent,
            "day": words.day, "degrees": words.degrees, "mean": mean,
        }  # fmt: skip

    def answer(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        **content: Any,  # noqa: ANN401
    ) -> Response:
        """Render a template; it knows the request's id, and the chart library if it is there."""
        page = self._templates.get_template(f"{template}.html.jinja").render(
            request_id=request.state.request_id,
            library=self._library.name,
            mlflow=self._mlflow,
            **content,
        )
        return HTMLResponse(page, status, headers=HEADERS)

    def refusal(self, request: Request, error: GatecastError) -> Response:
        """Render a refusal as a page, with the status and the headers that the API gives it."""
        answer = self.problem(request, status_of(error), error.code, str(error))
        answer.headers.update(headers_of(error))
        return answer

    def problem(self, request: Request, status: int, code: str, detail: str) -> Response:
        """Render a small page: what is wrong, its code and the request's id."""
        title = HTTPStatus(status).phrase.capitalize()
        return self.answer(request, "problem", status=status, title=title, code=code, detail=detail)

    def asset(self, name: str) -> Asset | None:
        """Return one of the files that pages ask for, by its exact name; None for any other."""
        return self._own.get(name) or self._library.asset(name)

    def _named(self, stem: str, suffix: str) -> str:
        return next(
            name for name in self._own if name.startswith(f"{stem}-") and name.endswith(suffix)
        )


def mlflow_pages(settings: ServingSettings) -> str | None:
    """Return where MLflow's own pages are, without a user's name or password; None if unknown."""
    address = settings.mlflow_url or settings.tracking
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"
