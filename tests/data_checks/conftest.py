"""Small builders: a dataset, a file of it, and the checks' answer to both."""

from datetime import UTC, date, datetime, timedelta

import pytest

from data_checks.declaration import parse_dataset
from data_checks.gate import admit
from data_checks.reader import read_table

OSLO = """
name = "oslo"
target = "temperature_2m_mean"
history = 20
horizon = 5
{extra}
[source]
kind = "csv"
paths = ["oslo.csv"]
[station]
latitude = 59.9
longitude = 10.7
timezone = "Europe/Oslo"
[columns]
temp = {{ variable = "temperature_2m_mean", unit = "{unit}" {temp} }}
wind = {{ variable = "wind_speed_10m_mean", unit = "km/h" {wind} }}
{tail}
"""
START = date(2024, 1, 1)
NOW = datetime(2024, 12, 1, 12, tzinfo=UTC)


@pytest.fixture
def declare():
    def build(*, extra="", unit="°C", temp="", wind="", tail=""):
        text = OSLO.format(extra=extra, unit=unit, temp=temp, wind=wind, tail=tail)
        return parse_dataset(text, "oslo.toml")

    return build


@pytest.fixture
def days():
    """Build rows of plausible weather; `changes` replaces (day, column) cells, by text."""

    def build(count=40, *, start=START, temp=lambda day: 5 + day % 7, changes=None):
        rows = [
            [(start + timedelta(days=day)).isoformat(), f"{temp(day)}", f"{10 + day % 5}"]
            for day in range(count)
        ]
        for (day, column), text in (changes or {}).items():
            rows[day][column] = text
        return rows

    return build


@pytest.fixture
def as_csv():
    def build(rows, header=("date", "temp", "wind")):
        return "\n".join(",".join(row) for row in [header, *rows]) + "\n"

    return build


@pytest.fixture
def as_table(as_csv):
    def build(rows, name="oslo.csv"):
        return read_table(as_csv(rows).encode(), name)

    return build


@pytest.fixture
def check(tmp_path, as_csv):
    """Write each batch of rows as a file and admit them together."""

    def build(dataset, *batches, now=NOW, header=("date", "temp", "wind")):
        files = []
        for number, rows in enumerate(batches):
            files.append(tmp_path / f"{number}.csv")
            files[-1].write_text(as_csv(rows, header))
        return admit(dataset, files, reports=tmp_path / "reports", now=now)

    return build


@pytest.fixture
def codes():
    def build(admission):
        return [reason.code for reason in admission.reasons]

    return build


@pytest.fixture
def now():
    return NOW
