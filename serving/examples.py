"""Show in the OpenAPI document what answers and problems look like."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

VERSION: Final[dict[str, Any]] = {
    "name": "climate-seattle",
    "version": 1,
    "alias": "champion",
    "run_id": "a3836dda9508470289b274f7fdefe0a5",
    "trained_through": "2015-05-26",
    "data_sha256": "71f706c38005761835d148d83f02f7c29506fc2137167d8a03da25f584805f42",
    "skill_horizon": 5,
}

#: A day's forecast with `level=80`.
FORECAST: Final[dict[str, Any]] = {
    "station": "seattle",
    "latitude": 47.4444,
    "longitude": -122.3138,
    "timezone": "America/Los_Angeles",
    "origin": "2015-12-31",
    "daily_units": {
        "time": "iso8601",
        "temperature_2m_mean": "°C",
        "temperature_2m_mean_p10": "°C",
        "temperature_2m_mean_p90": "°C",
    },
    "daily": {
        "time": ["2016-01-01"],
        "temperature_2m_mean": [2.4833],
        "temperature_2m_mean_p10": [0.2766],
        "temperature_2m_mean_p90": [4.95],
    },
    "model": VERSION,
}

#: The same where no model may answer, with `fallback=true`.
CLIMATOLOGY: Final[dict[str, Any]] = {
    **FORECAST,
    "model": None,
    "fallback": {
        "kind": "climatology",
        "reason": "NO_CHAMPION",
        "detail": "it has no champion; expected a promoted version",
        "trained_through": "2015-12-31",
        "last_observed": "2015-12-31",
    },
}

TABLE: Final = (
    "time,temperature_2m_mean (°C),temperature_2m_mean_p10 (°C),temperature_2m_mean_p90 (°C),"
    "station,timezone,origin,model,trained_through,fallback\r\n"
    "2016-01-01,2.4833,0.2766,4.95,seattle,America/Los_Angeles,2015-12-31,climate-seattle/1,"
    "2015-05-26,\r\n"
)

MODEL: Final[dict[str, Any]] = {
    **VERSION,
    "station": "seattle",
    "target": "temperature_2m_mean",
    "unit": "°C",
    "variables": [{"name": "temperature_2m_mean", "unit": "°C", "lower": -25.0, "upper": 48.0}],
    "history": 60,
    "horizon": 7,
    "levels": [0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975],
    "step_seconds": 86_400,
    "cell": "gru",
    "members": 12,
    "parameters": 51_234,
    "targets": ["temperature_2m_mean"],
}

STATIONS: Final[dict[str, Any]] = {
    "stations": [
        {
            "target": "temperature_2m_mean",
            "unit": "°C",
            "has_champion": True,
            "name": "seattle",
            "latitude": 47.4444,
            "longitude": -122.3138,
            "timezone": "America/Los_Angeles",
            "elevation": None,
            "targets": [
                {"target": "temperature_2m_mean", "unit": "°C", "has_champion": True},
            ],
            "last_observed": "2015-12-31",
            "licence": "Public domain (US Government work, NOAA)",
            "attribution": "NOAA daily observations at Seattle-Tacoma",
        }
    ]
}

#: For each status the code and the sentence of a problem that has it, and where its fault is.
PROBLEMS: Final[Mapping[int, tuple[str, str, str | None]]] = {
    400: ("JSON_INVALID", "not JSON at line 1, column 9", "$"),
    401: ("KEY_MISSING", "the request needs a key; expected Authorization: Bearer KEY", None),
    403: ("SCOPE_MISSING", "the key is not for this; expected the scope forecast", None),
    404: ("STATION_UNKNOWN", "no such station is known here; expected seattle", None),
    409: (
        "DATA_TOO_OLD",
        "the station's last observation is too old; expected at most 3 days; found 4.5 days",
        None,
    ),
    408: ("REQUEST_TIMEOUT", "the body came too slowly; expected within 10 s", None),
    413: ("BODY_TOO_LARGE", "the body is too large; expected at most 2097152 bytes", None),
    422: ("REQUEST_INVALID", "the model forecasts 1 to 7 days", "forecast_days"),
    429: ("TOO_MANY_REQUESTS", "too many requests; expected 600/minute", None),
    503: ("NO_CHAMPION", "it has no champion; expected a promoted version", None),
}


def problem_example(status: int) -> dict[str, Any]:
    """Return a problem as one of that status looks."""
    phrase = HTTPStatus(status).phrase
    code, detail, path = PROBLEMS.get(status, (phrase.upper().replace(" ", "_"), phrase, None))
    return {
        "type": f"urn:gatecast:problem:{code.lower().replace('_', '-')}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": "3f9a0c5d7be14c02",
        "errors": [] if path is None else [{"path": path, "message": detail}],
    }


#: What one batch of two items answers: the second station is not known.
BATCH: Final[dict[str, Any]] = {"answers": [FORECAST, problem_example(404)]}

METADATA: Final[dict[str, Any]] = {
    "name": "climate-seattle",
    "versions": ["1"],
    "platform": "onnxruntime_onnx",
    "inputs": [
        {"name": "history", "datatype": "FP32", "shape": [-1, 60, 5]},
        {"name": "origin", "datatype": "INT64", "shape": [-1]},
    ],
    "outputs": [{"name": "quantiles", "datatype": "FP32", "shape": [-1, 7, 9]}],
}

#: Of a model that reads two days of one variable; null marks a gap.
INFER_QUESTION: Final[dict[str, Any]] = {
    "id": "mine",
    "inputs": [
        {"name": "history", "shape": [1, 2, 1], "datatype": "FP32", "data": [4.4, None]},
        {"name": "origin", "shape": [1], "datatype": "INT64", "data": [1451520000]},
    ],
}
INFER_ANSWER: Final[dict[str, Any]] = {
    "model_name": "climate-seattle",
    "model_version": "1",
    "id": "mine",
    "outputs": [
        {
            "name": "quantiles",
            "datatype": "FP32",
            "shape": [1, 1, 3],
            "parameters": {},
            "data": [0.2766, 2.4833, 4.95],
        }
    ],
}
INFERENCE_ERROR: Final[dict[str, Any]] = {
    "error": "it has no champion; expected a promoted version",
    "code": "NO_CHAMPION",
    "request_id": "3f9a0c5d7be14c02",
    "errors": [],
}
