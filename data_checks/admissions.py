"""Keep admitted series under their own SHA-256, each bound to the verdict that let it in."""

import io
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from data_checks.verdict import Admission
from forecasting.climate.series import ClimateSeries, Station, Variable
from forecasting.errors import DataRefused, DataUnchecked, SeriesInvalid
from forecasting.stores.files import write_bytes, write_json

SERIES = "series.npz"
VERDICT = "verdict.json"
DIGEST_LENGTH = 64

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
    folder = root / "admitted" / admission.data_sha256
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, values=series.values)
    write_bytes(folder / SERIES, content.getvalue())
    write_json(folder / VERDICT, {**admission.to_json(), "series": _head(series)})
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
    folder = root / "admitted" / _digest(data_sha256)
    try:
        verdict: dict[str, Any] = json.loads((folder / VERDICT).read_bytes())
        content = (folder / SERIES).read_bytes()
    except FileNotFoundError as error:
        raise DataUnchecked(
            "the data has no verdict", expected=f"a verdict for {data_sha256}", found="none"
        ) from error
    except ValueError as error:
        raise DataUnchecked("the verdict cannot be read", found=error) from error
    if verdict.get("verdict") != "accepted" or verdict.get("data_sha256") != data_sha256:
        found = f"{verdict.get('verdict')} for {verdict.get('data_sha256')}"
        raise DataUnchecked(
            "the verdict is another one", expected=f"accepted for {data_sha256}", found=found
        )
    return _verified(verdict, content, data_sha256)


def _verified(verdict: dict[str, Any], content: bytes, data_sha256: str) -> ClimateSeries:
    try:
        series = _restore(verdict["series"], content)
    except UNREADABLE as error:
        raise DataUnchecked("the admitted data cannot be read", found=error) from error
    if series.sha256 != data_sha256:
        raise DataUnchecked(
            "the admitted data was changed", expected=data_sha256, found=series.sha256
        )
    return series


def _digest(text: str) -> str:
    if len(text) != DIGEST_LENGTH or set(text) - set("0123456789abcdef"):
        raise DataUnchecked("not a data version", expected="64 hexadecimal digits", found=text[:80])
    return text


def _head(series: ClimateSeries) -> dict[str, object]:
    return {
        "station": vars(series.station),
        "variables": [vars(variable) for variable in series.variables],
        "target": series.target,
        "start": series.start.isoformat(),
        "step_seconds": series.step.total_seconds(),
    }


def _restore(head: dict[str, Any], content: bytes) -> ClimateSeries:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        values = archive["values"]
    return ClimateSeries(
        station=Station(**head["station"]),
        variables=tuple(Variable(**variable) for variable in head["variables"]),
        target=head["target"],
        start=datetime.fromisoformat(head["start"]),
        values=values,
        observed=np.isfinite(values),
        step=timedelta(seconds=head["step_seconds"]),
    )
