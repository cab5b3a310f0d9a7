import json
from dataclasses import replace

import pytest

from forecasting.errors import StationUnknown
from forecasting.stores.climatologies import ClimatologyTable
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
        usual = ClimatologyTable(
            levels=(0.1, 0.5, 0.9), course=(1.0,) * 366, offsets=((-1.0, 0.0, 1.0),) * 12,
            step_seconds=86_400, through="2024-01-02",
        )  # fmt: skip
        return StationRecord(card=card, recent=recent, climatologies={variable.name: usual})

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


def test_a_record_from_before_there_were_several_targets_is_still_read(tmp_path, record_of):
    path = write_station(tmp_path, record_of())
    content = json.loads(path.read_bytes())
    for part, key in (("card", "targets"), ("card", "elevation"), ("recent", "series")):
        del content[part][key]
    path.write_text(json.dumps(content))

    record = read_station(tmp_path, "oslo")

    assert record.card.every_target == ("temperature_2m_mean",)
    assert record.data_of("temperature_2m_mean") == "d" * 64


def test_each_target_names_the_series_that_was_admitted_for_it(tmp_path, record_of):
    record = record_of()
    targets = ("temperature_2m_mean", "precipitation_sum")
    record = replace(
        record,
        card=replace(record.card, targets=targets),
        recent=replace(record.recent, series={targets[1]: "e" * 64}),
    )
    write_station(tmp_path, record)

    assert read_station(tmp_path, "oslo").data_of(targets[1]) == "e" * 64
    assert record.card.model(targets[0]) == "climate-oslo"
    assert record.card.model(targets[1]) == "climate-oslo--precipitation_sum"
    with pytest.raises(StationUnknown, match="has been admitted for temperature_2m_mean"):
        record.data_of(targets[0])


def test_a_record_from_before_climatologies_were_kept_has_none(tmp_path, record_of):
    path = write_station(tmp_path, record_of())
    content = json.loads(path.read_bytes())
    del content["climatologies"]
    path.write_text(json.dumps(content))

    assert read_station(tmp_path, "oslo").climatologies == {}
