"""The two parsers that strangers feed: each may refuse by its own error, and raise nothing else."""

from dataclasses import replace
from datetime import UTC, datetime

from data_checks.declaration import parse_dataset
from data_checks.reader import check_header, read_table
from data_checks.rows import RowReader
from forecasting.errors import GatecastError
from serving.asking import read_forecast_body
from serving.bodies import parse_json
from serving.history import posted_history
from tests.serving.conftest import MODEL_CARD, make_station

DATASET = parse_dataset(
    """
name = "oslo"
target = "temperature_2m_mean"
history = 20
horizon = 5
[source]
kind = "csv"
paths = ["oslo.csv"]
[station]
latitude = 59.9
longitude = 10.7
timezone = "Europe/Oslo"
[columns]
temp = { variable = "temperature_2m_mean", unit = "°C" }
wind = { variable = "wind_speed_10m_mean", unit = "km/h" }
""",
    "oslo.toml",
)
NOW = datetime(2024, 12, 1, 12, tzinfo=UTC)

STATION = make_station()
#: Three days are enough to come to the end, and short enough to be found.
CARD = replace(MODEL_CARD, history=3)


def read_csv(content: bytes) -> bool:
    """Read a file as the data checks do; returns whether it was taken."""
    try:
        table = read_table(content, "fuzz.csv", most_bytes=2**20)
        check_header(table, DATASET)
        RowReader(DATASET, NOW).read([table])
    except GatecastError:
        return False
    return True


def read_history(content: bytes) -> bool:
    """Read a body as the forecast route does, up to the model; returns whether it was taken."""
    try:
        history = read_forecast_body(parse_json(content)).history
        posted_history(history.time, history.columns, STATION, CARD)
    except GatecastError:
        return False
    return True


PARSERS = {"csv": read_csv, "history": read_history}
