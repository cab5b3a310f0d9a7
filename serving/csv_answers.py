"""Write forecasts as CSV: a row a step, the unit in each column's heading as at Open-Meteo."""

import csv
import io
from collections.abc import Sequence
from typing import Any, Final

from serving.answers import values_of

CSV: Final = "text/csv; charset=utf-8"

#: What a spreadsheet takes for the beginning of a formula.
FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_table(answers: Sequence[dict[str, Any]]) -> bytes:
    """Return all answers in one table; a cell is empty where there is no value.

    The first column is the time, then come the values of every answer, then what each row's
    answer is: station, origin, the model's version or `climatology`, and what it was trained on.
    """
    rows = [row for each in answers for row in _rows(each)]
    headings = list(dict.fromkeys(name for row in rows for name in row))
    values = [name for name in headings if name not in ABOUT]
    written = io.StringIO()
    table = csv.DictWriter(
        written, ["time", *values, *ABOUT[1:]], restval="", lineterminator="\r\n"
    )
    table.writeheader()
    table.writerows(rows)
    return written.getvalue().encode()


#: The columns of text, the first at the beginning and the others at the end.
ABOUT: Final = ("time", "station", "timezone", "origin", "model", "trained_through", "fallback")


def _rows(answer: dict[str, Any]) -> list[dict[str, object]]:
    units, columns = values_of(answer)
    fallback, model = answer.get("fallback"), answer["model"]
    about = {
        "station": answer["station"],
        "timezone": answer["timezone"],
        "origin": answer["origin"],
        "model": "climatology" if model is None else f"{model['name']}/{model['version']}",
        "trained_through": (model or fallback or {}).get("trained_through", ""),
        "fallback": "" if fallback is None else fallback["reason"],
    }
    text = {name: plain_text(value) for name, value in about.items()}
    names = [name for name in columns if name != "time"]
    headings = {name: plain_text(f"{name} ({units[name]})") for name in names}
    return [
        {
            "time": plain_text(label),
            **{headings[name]: columns[name][place] for name in names},
            **text,
        }
        for place, label in enumerate(columns["time"])
    ]


def plain_text(text: str) -> str:
    """Return a cell of text that no spreadsheet takes for a formula.

    >>> plain_text("=1+1"), plain_text("seattle")
    ("'=1+1", 'seattle')
    """
    return f"'{text}" if text.startswith(FORMULAS) else text
