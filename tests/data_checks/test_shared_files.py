"""Files in which the rows of several stations stand: each station is checked on its own rows."""

import pytest

from data_checks.parts import parse_parts

TEXT = """name = "fjord"
target = "temperature_2m_mean"
history = 20
horizon = 5
source = { kind = "csv", paths = ["fjord.csv"] }
station_column = "place"
[stations.bergen]
label = "BGO"
latitude = 60.4
longitude = 5.3
timezone = "Europe/Oslo"
[stations.voss]
latitude = 60.6
longitude = 6.4
timezone = "Europe/Oslo"
[columns]
temp = { variable = "temperature_2m_mean", unit = "°C" }
wind = { variable = "wind_speed_10m_mean", unit = "km/h" }
"""
HEADER = ("date", "temp", "wind", "place")


@pytest.fixture
def bergen():
    return parse_parts(TEXT, "fjord.toml")[0]


@pytest.fixture
def rows_of(days):
    def build(label, **how):
        return [[*row, label] for row in days(**how)]

    return build


def test_the_rows_of_other_stations_are_neither_read_nor_errors(bergen, rows_of, check, codes):
    strange = [*rows_of("voss", changes={(2, 1): "999", (3, 0): "never"}), ["x", "y"]]
    together = check(bergen, rows_of("BGO") + strange, header=HEADER)
    alone = check(bergen, rows_of("BGO"), header=HEADER)
    assert together.verdict == "accepted"
    assert codes(together) == codes(alone) == []
    assert together.data_sha256 == alone.data_sha256
    assert together.dataset == "fjord#bergen"
    assert together.report.name.startswith("fjord-bergen-")


def test_the_share_of_refused_rows_is_that_of_the_stations_own(bergen, rows_of, check, codes):
    wrong = {(day, 0): "never" for day in range(5)}
    batch = rows_of("BGO", changes=wrong) + rows_of("voss", count=300)
    admission = check(bergen, batch, header=HEADER)
    assert admission.verdict == "refused"
    assert "TOO_MUCH_QUARANTINED" in codes(admission)
    assert "5 of 40 rows" in [reason.found for reason in admission.reasons]


def test_a_station_without_a_row_is_refused_with_the_labels_that_are_there(bergen, rows_of, check):
    [reason] = check(bergen, rows_of("voss") + rows_of("geilo"), header=HEADER).reasons
    assert (reason.code, reason.effect) == ("NO_ROWS", "refused")
    assert reason.found == "geilo, voss"
    assert reason.expected == "rows with BGO as place"


def test_a_file_without_the_station_column_is_refused(bergen, days, check):
    [reason] = check(bergen, days()).reasons
    assert (reason.code, reason.expected) == ("COLUMN_MISSING", "place once")
