import json

import pytest

from forecasting.errors import StationUnknown
from forecasting.stores.files import NameInvalid
from forecasting.stores.stations import (
    RecentDays,
    StationCard,
    StationRecord,
    VariableCard,
    list_stations,
    read_station,
    write_station,
)


@pytest.fixture
def record_of():
    def build(name="oslo", max_age_days=None):
        variable = VariableCard(name="temperature_2m_mean", unit="°C", lower=-60, upper=60)
        card = StationCard(
            name=name, latitude=59.9, longitude=10.7, timezone="Europe/Oslo",
            target=variable.name, variables=(variable,), step_seconds=86_400, history=10,
            horizon=3, licence="CC0", attribution="us", max_age_days=max_age_days,
        )  # fmt: skip
        recent = RecentDays(
            data_sha256="d" * 64,
            time=("2024-01-01", "2024-01-02"),
            values={variable.name: (1.5, None)},
            quarantined={variable.name: ("2024-01-02",)},
        )
        return StationRecord(card=card, recent=recent)

    return build


@pytest.mark.parametrize("max_age_days", [None, 3.0])
def test_what_was_written_of_a_station_is_read_back(tmp_path, record_of, max_age_days):
    record = record_of(max_age_days=max_age_days)

    write_station(tmp_path, record)

    assert read_station(tmp_path, "oslo") == record


def test_a_gap_is_written_as_null(tmp_path, record_of):
    content = json.loads(write_station(tmp_path, record_of()).read_bytes())

    assert content["recent"]["values"]["temperature_2m_mean"] == [1.5, None]


def test_stations_are_listed_in_order(tmp_path, record_of):
    assert list_stations(tmp_path) == []

    for name in ("oslo", "bergen"):
        write_station(tmp_path, record_of(name))

    assert list_stations(tmp_path) == ["bergen", "oslo"]


def test_an_unknown_station_is_refused_with_those_that_are_known(tmp_path, record_of):
    with pytest.raises(StationUnknown, match="expected a retrain first"):
        read_station(tmp_path, "bergen")

    write_station(tmp_path, record_of())

    with pytest.raises(StationUnknown, match=r"bergen is not known here; expected \['oslo'\]"):
        read_station(tmp_path, "bergen")


@pytest.mark.parametrize("name", ["../oslo", "", "OSLO"])
def test_a_name_that_would_leave_the_folder_is_refused(tmp_path, record_of, name):
    with pytest.raises(NameInvalid):
        read_station(tmp_path, name)
    with pytest.raises(NameInvalid):
        write_station(tmp_path, record_of(name))
