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
    "axis": {
        "title": None,
        "grid": False,
        "format": "%-d %b",
        "labelOverlap": True,
        "labelSeparation": 12,
    },
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
    told = _told(fan, unit)
    layers = [_line("observed", SOFT, 1.5, median), *_reading("observed", median, told[:2])]
    if fan.ahead:
        bands = [_band(place, value) for place in range(len(fan.intervals))]
        ahead = [_line("ahead", ACCENT, 2.5, median), *_reading("ahead", median, told)]
        layers = [*bands, *layers, *ahead]
    refused = _refused(fan)
    if refused:
        layers.append(_mark(told[:1]))
    return {
        "width": "container",
        "height": 320,
        "background": "transparent",
        "datasets": {"observed": _observed(fan), "ahead": _ahead(fan), "refused": refused},
        "layer": layers,
    }


def _band(place: int, value: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": {"name": "ahead"},
        "mark": {"type": "area", "color": ACCENT, "opacity": 0.18},
        "encoding": {
            "x": TIME,
            "y": {**value, "field": f"low_{place}"},
            "y2": {"field": f"high_{place}"},
        },
    }


def _mark(told: list[dict[str, Any]]) -> dict[str, Any]:
    """Return marks on the axis at the steps whose value was refused."""
    shape = {"type": "point", "shape": "diamond", "color": BAD, "filled": True, "opacity": 1}
    return {
        "name": "refused",
        "data": {"name": "refused"},
        "mark": {**shape, "size": 70},
        "encoding": {"x": TIME, "y": {"value": 316}, "tooltip": told},
    }


def _line(data: str, colour: str, width: float, value: dict[str, Any]) -> dict[str, Any]:
    mark = {"type": "line", "color": colour, "strokeWidth": width}
    return {"name": data, "data": {"name": data}, "mark": mark, "encoding": {"x": TIME, "y": value}}


def _reading(data: str, value: dict[str, Any], told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a bar over each step that tells its numbers, and a dot at the one pointed at.

    Bars, not the nearest point: Vega-Lite's nearest point knows no text of its own.
    """
    chosen = f"near_{data}"
    pointed = {"type": "point", "on": "pointerover", "encodings": ["x"], "clear": "pointerout"}
    seen = {"condition": {"param": chosen, "empty": False, "value": 1}, "value": 0}
    return [
        {
            "data": {"name": data},
            "mark": {"type": "point", "filled": True, "size": 60, "color": ACCENT},
            "encoding": {"x": TIME, "y": value, "opacity": seen},
        },
        {
            "data": {"name": data},
            "params": [{"name": chosen, "select": pointed}],
            "mark": {"type": "rule", "strokeWidth": 9, "opacity": 0},
            "encoding": {"x": TIME, "tooltip": told},
        },
    ]


def _told(fan: Fan, unit: str) -> list[dict[str, Any]]:
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
