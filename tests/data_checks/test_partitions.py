"""Admitted series as Parquet, a partition a station: the same bits, and nothing unchecked."""

import json

import pandas as pd
import pytest

from data_checks.partitions import list_partitions, load_partition, partition, save_partition
from forecasting.errors import DataRefused, DataUnchecked
from forecasting.stores.files import NameInvalid


@pytest.fixture
def kept(check, declare, days, tmp_path):
    """A station's partition, with a gap and a refused value in it."""
    rows = days(60, changes={(5, 1): "900", (9, 2): ""})
    admission = check(declare(), [*rows[:20], *rows[21:]])
    save_partition(tmp_path / "set", admission)
    return admission, tmp_path / "set"


def test_a_series_comes_back_bit_by_bit(kept):
    admission, root = kept

    series = load_partition(root, "oslo")

    assert series.sha256 == admission.data_sha256
    assert series.values.tobytes() == admission.series.values.tobytes()
    assert series.station == admission.series.station


def test_other_readers_of_parquet_find_the_station_as_a_column(kept):
    frame = pd.read_parquet(kept[1])

    assert set(frame["station"]) == {"oslo"}
    assert len(frame) == 60
    assert frame["temperature_2m_mean"].isna().sum() == 2


def test_only_stations_with_a_verdict_are_listed(kept):
    _, root = kept
    partition(root, "bergen").mkdir()

    assert list(list_partitions(root)) == ["oslo"]


def test_a_refused_batch_is_not_kept(check, declare, days, tmp_path):
    admission = check(declare(), days(60, temp=lambda _: "900"))

    with pytest.raises(DataRefused, match="oslo was refused"):
        save_partition(tmp_path / "set", admission)
    assert not (tmp_path / "set").exists()


def test_rows_that_were_changed_are_refused(kept):
    _, root = kept
    path = partition(root, "oslo") / "rows.parquet"
    frame = pd.read_parquet(path)
    frame.loc[3, "wind_speed_10m_mean"] += 1
    frame.to_parquet(path, index=False)

    with pytest.raises(DataUnchecked, match="the verdict on oslo is on other rows"):
        load_partition(root, "oslo")


def test_rows_whose_verdict_does_not_accept_are_refused(kept):
    path = partition(kept[1], "oslo") / "_verdict.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "verdict": "refused"}))

    with pytest.raises(DataUnchecked, match="found refused for"):
        load_partition(kept[1], "oslo")


@pytest.mark.parametrize("name", ["rows.parquet", "_verdict.json"])
def test_half_a_partition_is_refused(kept, name):
    (partition(kept[1], "oslo") / name).unlink()

    with pytest.raises(DataUnchecked, match="the admitted rows of oslo cannot be read"):
        load_partition(kept[1], "oslo")


def test_a_name_that_is_no_name_never_becomes_a_path(tmp_path):
    with pytest.raises(NameInvalid):
        load_partition(tmp_path, "../oslo")
