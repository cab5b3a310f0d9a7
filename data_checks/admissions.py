"""Keep admitted series under their own SHA-256, each bound to the verdict that let it in."""

import io
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from data_checks.verdict import Admission
from forecasting.climate.series import ClimateSeries, Station, Variable
from forecasting.errors import DataRefused, DataUnchecked, SeriesInvalid
from forecasting.faults import reach
from forecasting.stores.admitted import SERIES, VERDICT, admitted_folder, read_verdict
from forecasting.stores.files import write_bytes, write_json

#: What reading a damaged archive, or a verdict with other keys, may raise.
UNREADABLE = (ValueError, TypeError, KeyError, OSError, EOFError, BadZipFile, SeriesInvalid)


def save_admission(root: Path, admission: Admission) -> Path:
    """Write an accepted series, then its verdict; returns their folder.

    The verdict is written last, by rename: a kill in between leaves data without a verdict,
    which `load_admitted` refuses. The same data again writes the same folder.

    Raises:
        DataRefused: the batch was refused.
    """
    series = admission.series
    if series is None or admission.data_sha256 is None:
        raise DataRefused(
            f"{admission.dataset} was refused", expected="an accepted batch", found=admission.report
        )
    reach("admit.judged")
    folder = admitted_folder(root, admission.data_sha256)
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, values=series.values)
    write_bytes(folder / SERIES, content.getvalue())
    reach("admit.kept")
    write_json(folder / VERDICT, {**admission.to_json(), "series": head_of(series)})
    return folder


def load_admitted(root: Path, data_sha256: str) -> ClimateSeries:
    """Read a series that the checks have accepted.

    Args:
        root: the home folder.
        data_sha256: the data version.

    Raises:
        DataUnchecked: no accepting verdict is bound to that SHA-256, or the stored values
            are not the ones that it names.
    """
    verdict = read_verdict(root, data_sha256)
    try:
        content = (admitted_folder(root, data_sha256) / SERIES).read_bytes()
    except FileNotFoundError as error:
        raise DataUnchecked("the verdict's data is gone", expected=SERIES, found="none") from error
    if verdict.get("verdict") != "accepted" or verdict.get("data_sha256") != data_sha256:
        found = f"{verdict.get('verdict')} for {verdict.get('data_sha256')}"
        raise DataUnchecked(
            "the verdict is another one", expected=f"accepted for {data_sha256}", found=found
        )
    return _verified(verdict, content, data_sha256)


def _verified(verdict: dict[str, Any], content: bytes, data_sha256: str) -> ClimateSeries:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            series = series_of(verdict["series"], archive["values"])
    except UNREADABLE as error:
        raise DataUnchecked("the admitted data cannot be read", found=error) from error
    if series.sha256 != data_sha256:
        raise DataUnchecked(
            "the admitted data was changed", expected=data_sha256, found=series.sha256
        )
    return series


def head_of(series: ClimateSeries) -> dict[str, object]:
    """Return all of a series but its values, as JSON beside them."""
    return {
        "station": vars(series.station),
        "variables": [vars(variable) for variable in series.variables],
        "target": series.target,
        "start": series.start.isoformat(),
        "step_seconds": series.step.total_seconds(),
    }


def series_of(head: dict[str, Any], values: NDArray[np.float32]) -> ClimateSeries:
    """Put a series together again: values are (steps, variables), NaN for gaps."""
    return ClimateSeries(
        station=Station(**head["station"]),
        variables=tuple(Variable(**variable) for variable in head["variables"]),
        target=head["target"],
        start=datetime.fromisoformat(head["start"]),
        values=values,
        observed=np.isfinite(values),
        step=timedelta(seconds=head["step_seconds"]),
    )
