"""Say the fan in Vega-Lite, with a value under the pointer; the colours are the style sheet's."""

from datetime import UTC, datetime
from typing import Any, Final

from serving.chart import Fan

#: Resolved by the browser from the page's style sheet, so that light and dark need no second draw.
ACCENT, SOFT, BAD, CARD = "var(--accent)", "var(--soft)", "var(--bad)", "var(--card)"

TIME: Final[dict[str, Any]] = {
    "field": "at",
    "type": "temporal",
    "scale": {"type": "utc"},
    "axis": {"title": None, "grid": False, "labelOverlap": True},
}


def fan_specification(fan: Fan, name: str, unit: str) -> dict[str, Any]:
    """Return the picture's specification with its numbers.

    Args:
        fan: what is shown.
        name: what is forecast, in words.
        unit: of the values.
    """
    value = {"type": "quantitative", "scale": {"zero": False}, "title": f"{name}, {unit}"}
    median = {**value, "field": "value"}
    bands = [
        {
            "data": {"name": "ahead"},
            "mark": {"type": "area", "color": ACCENT, "opacity": 0.18},
            "encoding": {
                "x": TIME,
                "y": {**value, "field": f"low_{place}"},
                "y2": {"field": f"high_{place}"},
            },
        }
        for place in range(len(fan.intervals))
    ]
    return {
        "width": "container",
        "height": 320,
        "background": "transparent",
        "datasets": {"observed": _observed(fan), "ahead": _ahead(fan), "refused": _refused(fan)},
        "layer": [
            *bands,
            _line("observed", SOFT, 1.5, median),
            _line("ahead", ACCENT, 2.5, median),
            {
                "data": {"name": "refused"},
                "mark": {"type": "point", "shape": "diamond", "color": BAD, "filled": True,
                         "size": 70},
                "encoding": {"x": TIME, "y": {"value": 316}, "tooltip": _said(fan, unit)[:2]},
            },
            *(_reading(data, median, _said(fan, unit)) for data in ("observed", "ahead")),
        ],
    }  # fmt: skip


def _line(data: str, colour: str, width: float, value: dict[str, Any]) -> dict[str, Any]:
    mark = {"type": "line", "color": colour, "strokeWidth": width, "name": f"{data}_line"}
    return {"data": {"name": data}, "mark": mark, "encoding": {"x": TIME, "y": value}}


def _reading(data: str, value: dict[str, Any], said: list[dict[str, Any]]) -> dict[str, Any]:
    """Return dots that are seen only nearest to the pointer, and tell their numbers."""
    chosen = f"near_{data}"
    nearest = {"type": "point", "on": "pointerover", "nearest": True, "encodings": ["x"],
               "clear": "pointerout"}  # fmt: skip
    tooltip = said if data == "ahead" else said[:2]
    return {
        "data": {"name": data},
        "params": [{"name": chosen, "select": nearest}],
        "mark": {"type": "point", "filled": True, "size": 60, "color": ACCENT},
        "encoding": {
            "x": TIME,
            "y": value,
            "tooltip": tooltip,
            "opacity": {"condition": {"param": chosen, "empty": False, "value": 1}, "value": 0},
        },
    }


def _said(fan: Fan, unit: str) -> list[dict[str, Any]]:
    """Return what the pointer tells of a step; the intervals as texts, narrowest first."""
    intervals = [
        {"field": f"said_{place}", "type": "nominal", "title": f"{each.share:g} %"}
        for place, each in reversed(list(enumerate(fan.intervals)))
    ]
    return [
        {"field": "label", "type": "nominal", "title": "time"},
        {"field": "value", "type": "quantitative", "title": unit, "format": ".1f"},
        *intervals,
    ]


def _observed(fan: Fan) -> list[dict[str, Any]]:
    return [
        {"label": label, "at": _milliseconds(label), "value": value}
        for label, value in fan.observed
    ]


def _refused(fan: Fan) -> list[dict[str, Any]]:
    return [
        {"label": label, "at": _milliseconds(label), "value": value}
        for label, value in fan.observed
        if label in fan.quarantined
    ]


def _ahead(fan: Fan) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for step, label in enumerate(fan.ahead):
        row = {"label": label, "at": _milliseconds(label), "value": fan.median[step]}
        for place, each in enumerate(fan.intervals):
            low, high = each.low[step], each.high[step]
            row |= {f"low_{place}": low, f"high_{place}": high}
            row[f"said_{place}"] = f"{low:.1f} to {high:.1f}"
        rows.append(row)
    return rows


def _milliseconds(label: str) -> int:
    """Return a label on the station's calendar as the time scale counts it, without a zone."""
    moment = datetime.fromisoformat(label)
    known = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return int(known.timestamp() * 1000)
