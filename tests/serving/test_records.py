"""A station's record follows its file, and stays when the file is damaged or out of reach."""

import pytest

from forecasting.errors import StationUnknown
from forecasting.stores.stations import stations_folder, write_station
from serving.records import Records


@pytest.fixture
def records(home):
    records = Records(home)
    records.refresh()
    return records


def test_a_record_is_read_once_and_again_when_its_file_changes(records, home, station_of):
    first = records.of("seattle")
    records.refresh()
    assert records.of("seattle") is first

    write_station(home, station_of(days=70))
    records.refresh()

    assert len(records.of("seattle").recent.time) == 70


def test_an_unknown_station_is_refused_with_the_known_ones(records):
    with pytest.raises(StationUnknown, match="expected seattle"):
        records.of("oslo")


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b'{"card": {}, "recent": {}}', b"\xff"])
def test_a_damaged_file_keeps_the_earlier_record(records, home, content, caplog):
    (stations_folder(home) / "seattle.json").write_bytes(content)
    records.refresh()
    records.refresh()

    assert len(records.of("seattle").recent.time) == 90
    assert len(caplog.records) == 1


def test_a_removed_station_is_forgotten(records, home):
    (stations_folder(home) / "seattle.json").unlink()
    records.refresh()

    assert records.names == ()


def test_the_last_observed_step_is_told_by_station(records):
    assert records.last_observed == {"seattle": "2015-12-31"}


def test_storage_that_went_away_forgets_nothing(records, home):
    home.rename(home.with_name("unplugged"))
    records.refresh()

    assert records.names == ("seattle",)
