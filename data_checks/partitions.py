"""Keep admitted series of many stations as Parquet, a partition a station, read one at a time."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from data_checks.admissions import UNREADABLE, head_of, series_of
from data_checks.verdict import Admission
from forecasting.climate.series import ClimateSeries
from forecasting.errors import DataRefused, DataUnchecked
from forecasting.stores.files import safe_name, write_bytes, write_json

ROWS: Final = "rows.parquet"

#: Readers of Parquet pass over files that begin so.
VERDICT: Final = "_verdict.json"

#: What stands before a station's name in its folder's, as Parquet's readers expect it.
KEY: Final = "station="


def partition(root: Path, station: str) -> Path:
    """Return a station's folder.

    Raises:
        NameInvalid: its name may not become part of a path.
    """
    return root / f"{KEY}{safe_name(station)}"


def save_partition(root: Path, admission: Admission) -> Path:
    """Write an accepted series, then its verdict by rename; returns the station's folder.

    A kill in between leaves the verdict on the earlier rows, which `load_partition` refuses.

    Args:
        root: the folder that holds one partition a station.
        admission: the verdict with the series.

    Raises:
        DataRefused: the batch was refused.
    """
    series = admission.series
    if series is None:
        raise DataRefused(
            f"{admission.dataset} was refused", expected="an accepted batch", found=admission.report
        )
    folder = partition(root, series.station.name)
    write_bytes(folder / ROWS, _parquet(series))
    write_json(folder / VERDICT, {**admission.to_json(), "series": head_of(series)})
    return folder


def load_partition(root: Path, station: str) -> ClimateSeries:
    """Read one station's series; of the others nothing is read.

    Raises:
        DataUnchecked: no accepting verdict is bound to the rows, or they cannot be read.
    """
    folder = partition(root, station)
    try:
        verdict: dict[str, Any] = json.loads((folder / VERDICT).read_bytes())
        series = series_of(verdict["series"], _values(folder / ROWS, verdict["series"]))
    except UNREADABLE as error:
        raise DataUnchecked(
            f"the admitted rows of {station} cannot be read",
            expected="rows and their verdict",
            found=error,
        ) from error
    if verdict["verdict"] != "accepted" or series.sha256 != verdict["data_sha256"]:
        raise DataUnchecked(
            f"the verdict on {station} is on other rows",
            expected=f"accepted for {series.sha256}",
            found=f"{verdict['verdict']} for {verdict['data_sha256']}",
        )
    return series


def list_partitions(root: Path) -> Iterator[str]:
    """Yield the names of the stations that have a verdict, in order."""
    for path in sorted(root.glob(f"{KEY}*/{VERDICT}")):
        yield path.parent.name.removeprefix(KEY)


def _parquet(series: ClimateSeries) -> bytes:
    first, step = np.datetime64(series.start.replace(tzinfo=None), "us"), series.step
    dates = first + np.arange(len(series)) * np.timedelta64(step, "us")
    columns = dict(zip(series.names, series.values.T, strict=True))
    content = io.BytesIO()
    pd.DataFrame({"date": dates, **columns}).to_parquet(content, engine="pyarrow", index=False)
    return content.getvalue()


def _values(path: Path, head: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    names = [variable["name"] for variable in head["variables"]]
    content = io.BytesIO(path.read_bytes())
    frame = pd.read_parquet(content, engine="pyarrow", columns=names)
    return np.ascontiguousarray(frame[names].to_numpy(dtype=np.float32))
