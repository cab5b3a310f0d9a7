"""Ask a running service from Python: typed answers, typed refusals, and nothing asked for twice."""

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

import urllib3

from forecasting.errors import GatecastError
from serving.client_answers import (
    Forecast,
    Model,
    Station,
    read_forecast,
    read_model,
    read_station,
)

#: Most answers that a client keeps for the service to say "the same" of.
KEPT: Final = 256


class ServiceRefused(GatecastError):
    """The service answered with a problem.

    Args:
        detail: its sentence.
        code: its machine code, which is this error's own.
        status: the HTTP status.
        request_id: what to quote to whoever runs the service.
        errors: path and message of each fault in the request.
    """

    def __init__(
        self,
        detail: str,
        *,
        code: str,
        status: int,
        request_id: str | None = None,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(detail)
        self.code = code  # type: ignore[misc]
        self.detail = detail
        self.status = status
        self.request_id = request_id
        self.errors = tuple((each["path"], each["message"]) for each in errors)


class ServiceUnreachable(GatecastError):
    """The service did not answer, or not as this service does."""

    code = "SERVICE_UNREACHABLE"


class Client:
    """A connection to one service; use it in a `with` block, or close it.

    Args:
        address: where it listens, as in `http://127.0.0.1:8000`.
        api_key: sent as `Authorization: Bearer …` where the service asks for keys.
        timeout_seconds: longest wait for an answer.
    """

    def __init__(
        self, address: str, *, api_key: str | None = None, timeout_seconds: float = 30.0
    ) -> None:
        self._address = address.rstrip("/")
        self._headers = {"Accept": "application/json"}
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._pool = urllib3.PoolManager(timeout=timeout_seconds, retries=False)
        self._kept: OrderedDict[str, tuple[str, Any]] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def stations(self) -> tuple[Station, ...]:
        """Return all stations that the service knows.

        Raises:
            ServiceRefused, ServiceUnreachable: as every call here.
        """
        return tuple(read_station(each) for each in self._get("/v1/stations", {})["stations"])

    def model(self, station: str, target: str | None = None) -> Model:
        """Return the champion of a station's first target, or of the one that is named."""
        query = {} if target is None else {"target": target}
        return read_model(self._get(f"/v1/models/{quote(station, safe='')}", query))

    def forecast(self, station: str, **words: object) -> Forecast:
        """Forecast the steps after a station's last admitted one.

        Args:
            station: its name.
            words: what the query of the API takes: `forecast_days=3`, `level=[80, 95]`,
                `daily=["temperature_2m_mean"]`, `past_days=30`, `fallback=True`.
        """
        query = {name: _word(value) for name, value in words.items() if value is not None}
        return read_forecast(self._get("/v1/forecast", {"station": station, **query}))

    def forecast_after(
        self, station: str, history: Mapping[str, Sequence[object]], **words: object
    ) -> Forecast:
        """Forecast the steps that follow a history of your own.

        Args:
            station: whose model reads it.
            history: `time` with the labels, and one list a variable with None for a gap.
            words: what the body of the API takes beside.
        """
        body = {"station": station, "history": dict(history), **words}
        return read_forecast(self._post("/v1/forecast", body))

    def forecast_all(
        self, items: Sequence[Mapping[str, object]]
    ) -> tuple[Forecast | ServiceRefused, ...]:
        """Ask for many forecasts at once; returns, in their order, each forecast or refusal."""
        answers = self._post("/v1/forecast/batch", {"items": [dict(item) for item in items]})
        return tuple(
            _refusal(each, each["status"]) if "code" in each else read_forecast(each)
            for each in answers["answers"]
        )

    def _get(self, path: str, query: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
        url = f"{self._address}{path}" + (f"?{urlencode(query)}" if query else "")
        tag, kept = self._kept.get(url, (None, None))
        answer = self._ask("GET", url, {} if tag is None else {"If-None-Match": tag})
        if answer.status == 304:
            self._kept.move_to_end(url)
            return kept
        parsed, tag = _parsed(answer), answer.headers.get("ETag")
        if tag is not None:
            self._kept[url] = tag, parsed
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return parsed

    def _post(self, path: str, body: Mapping[str, object]) -> Any:  # noqa: ANN401 - JSON
        content = json.dumps(body, allow_nan=False).encode()
        headers = {"Content-Type": "application/json"}
        return _parsed(self._ask("POST", f"{self._address}{path}", headers, content))

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool.request(
                method, url, headers={**self._headers, **headers}, body=body, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise ServiceUnreachable(
                "the service did not answer", expected=self._address, found=type(error).__name__
            ) from error


def _word(value: object) -> str:
    """Return a value as a query says it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(str(each) for each in value)
    return str(value)


def _parsed(answer: urllib3.BaseHTTPResponse) -> Any:  # noqa: ANN401 - JSON
    try:
        parsed = json.loads(answer.data)
    except ValueError as error:
        raise ServiceUnreachable(
            "not an answer of this service", expected="JSON", found=f"status {answer.status}"
        ) from error
    if answer.status >= 400:
        raise _refusal(parsed if isinstance(parsed, dict) else {}, answer.status)
    return parsed


def _refusal(problem: Mapping[str, Any], status: int) -> ServiceRefused:
    return ServiceRefused(
        str(problem.get("detail", "the service refused")),
        code=str(problem.get("code", "HTTP_ERROR")),
        status=status,
        request_id=problem.get("request_id"),
        errors=problem.get("errors", ()),
    )
