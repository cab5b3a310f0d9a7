"""Ask the Open-Meteo archive for daily values and write its answer down as a CSV file.

Source: https://open-meteo.com/en/docs/historical-weather-api
"""

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from data_checks.declaration import Dataset
from data_checks.origins import OpenMeteoSource
from data_checks.reader import shown
from forecasting.errors import DatasetInvalid, SourceFormat, SourceUnavailable
from pipelines.sources.fetch import Answer, ConnectionPolicy, fetch
from pipelines.sources.unpack import unpack

ARCHIVE = "https://archive-api.open-meteo.com/v1/archive"

#: The reanalysis behind the archive is complete about five days later, says its documentation.
LAG = timedelta(days=5)

#: The documented answer to a request that cannot be met is 400 with a reason.
READ = frozenset({200, 400})


def archive_url(dataset: Dataset, source: OpenMeteoSource, now: datetime) -> str:
    """Return the address that asks for the dataset's columns in internal units.

    Args:
        dataset: its columns' names are the API's own.
        source: the first day, and perhaps the last.
        now: a moment with a zone; without a last day, the newest complete one is asked for.

    Raises:
        DatasetInvalid: a column is declared in another unit, or the first day is too new.
    """
    for heading, column in dataset.columns.items():
        if column.unit != column.measure.internal:
            raise DatasetInvalid(
                f"{heading} of an open-meteo source has another unit",
                expected=column.measure.internal,
                found=column.unit,
            )
    query = {
        "latitude": dataset.station.latitude,
        "longitude": dataset.station.longitude,
        "start_date": source.start.isoformat(),
        "end_date": last_day(dataset, source, now).isoformat(),
        "daily": ",".join(dataset.columns),
        "timezone": dataset.station.timezone,
        "temperature_unit": "celsius",
        "wind_speed_unit": "ms",
        "precipitation_unit": "mm",
        "timeformat": "iso8601",
    }
    return f"{ARCHIVE}?{urlencode(query)}"


def last_day(dataset: Dataset, source: OpenMeteoSource, now: datetime) -> date:
    """Return the declared last day, or the newest that the archive holds for sure.

    Raises:
        DatasetInvalid: the first day lies after it.
    """
    newest = now.astimezone(ZoneInfo(dataset.station.timezone)).date() - LAG
    last = source.end or newest
    if last < source.start:
        raise DatasetInvalid(
            "the archive does not reach the first day yet",
            expected=f"a start up to {last}",
            found=source.start,
        )
    return last


def read_archive(
    dataset: Dataset,
    source: OpenMeteoSource,
    policy: ConnectionPolicy,
    now: datetime | None = None,
) -> bytes:
    """Fetch the daily values; returns CSV with the dataset's date column and columns.

    Raises:
        SourceUnavailable: the archive did not answer, or refused with a reason.
        SourceFormat: the answer is not of the documented form, or in other units.
    """
    url = archive_url(dataset, source, now or datetime.now(UTC))
    answer = fetch(url, policy, statuses=READ)
    body = unpack(answer.body, "the answer", most_bytes=policy.most_bytes)
    content = _parse(body)
    if content.get("error") is True:
        reason = shown(str(content.get("reason")), 300)
        raise SourceUnavailable(
            "open-meteo refused the request", expected="daily values", found=reason
        )
    return _to_csv(dataset, _daily(dataset, content, answer))


def _parse(body: bytes) -> dict[str, Any]:
    try:
        # Numbers stay text: the raw file shows the digits that were sent.
        content = json.loads(body, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise SourceFormat(
            "open-meteo answered with something else",
            expected="JSON with daily values",
            found=shown(body[:60].decode("utf-8", "replace")) or "nothing",
        ) from error
    if not isinstance(content, dict):
        raise SourceFormat("open-meteo answered with something else", expected="an object")
    return content


def _daily(dataset: Dataset, content: dict[str, Any], answer: Answer) -> dict[str, list[Any]]:
    daily, units = content.get("daily"), content.get("daily_units")
    if answer.status != 200 or not isinstance(daily, dict) or not isinstance(units, dict):
        raise SourceFormat(
            "open-meteo answered without daily values",
            expected="daily and daily_units",
            found=shown(", ".join(content), 200),
        )
    names = ("time", *dataset.columns)
    lengths = {
        name: len(daily[name]) if isinstance(daily.get(name), list) else None for name in names
    }
    if None in lengths.values() or len(set(lengths.values())) != 1:
        raise SourceFormat(
            "open-meteo's columns do not belong together",
            expected=f"equally long lists of {', '.join(names)}",
            found=lengths,
        )
    for heading, column in dataset.columns.items():
        if units.get(heading) != column.unit:
            raise SourceFormat(
                f"open-meteo answered {heading} in another unit",
                expected=column.unit,
                found=shown(str(units.get(heading))),
            )
    return daily


def _to_csv(dataset: Dataset, daily: dict[str, list[Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([dataset.date, *dataset.columns])
    columns = [daily["time"], *(daily[heading] for heading in dataset.columns)]
    for row in zip(*columns, strict=True):
        # null is the API's gap; the checks refuse what is neither text nor a number.
        writer.writerow(["" if cell is None else cell for cell in row])
    return text.getvalue().encode()
