"""Say on which rows every model is fitted and judged, from data that the checks let in."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forecasting.climate.series import ClimateSeries
from forecasting.climate.windows import Windows, WindowSpec, cut
from forecasting.errors import SeriesTooShort
from forecasting.settings import Settings
from pipelines.admitting import accept, admit_files, land_files
from pipelines.catalogue import find_dataset

#: Daily origins that are asked for: with 7 leads, a year of targets of each lead.
ORIGINS = 360

#: The share of the rows that every model is fitted on where nothing else is asked for.
TRAIN_SHARE = 0.75

#: Rows that fitted models were published on: Delhi's first three years, 0 to 1095.
TRAIN_ROWS = {"delhi": 1096}


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One station's contest: fit once on the first `train` rows, forecast at `origins` after.

    The first origin is the last train row; no model is fitted again. `notes` say where less was
    there than was asked for.
    """

    dataset: str
    series: ClimateSeries
    window: WindowSpec
    train: int
    origins: range
    notes: tuple[str, ...] = ()

    @property
    def windows(self) -> Windows:
        """The origins with their targets, on which everything is scored."""
        return cut(self.series, self.window, self.origins)

    def to_json(self) -> dict[str, Any]:
        """Return the protocol as the benchmark prints it."""
        series = self.series
        last = self.origins[-1] + self.window.horizon
        return {
            "station": series.station.name,
            "target": series.target,
            "unit": series.variables[series.target_column].unit,
            "variables": list(series.names),
            "rows": len(series),
            "data_sha256": series.sha256,
            "train_rows": self.train,
            "origins": len(self.origins),
            "history": self.window.history,
            "horizon": self.window.horizon,
            "first_origin": series.label(self.origins[0]).isoformat(),
            "last_target": series.label(last).isoformat(),
            "refit": False,
            "notes": list(self.notes),
        }


def read_protocol(
    dataset: str, csv: Sequence[str] = (), train: int | None = None, origins: int = ORIGINS
) -> Protocol:
    """Land and admit a dataset in a home that is thrown away, and lay out its contest.

    Args:
        dataset: a shipped name, or the path of a TOML file.
        csv: local files to take instead of the declared source.
        train: rows to fit on; those of the published protocol when None.
        origins: origins to judge on; fewer where the rows do not reach.

    Raises:
        DataRefused: the checks refused the batch.
        SeriesTooShort: no origin is left after the train rows, or these hold no window.
    """
    declared = find_dataset(dataset)
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        admission = admit_files(settings, dataset, land_files(settings, dataset, csv))
        accept(settings, dataset, admission)
    if admission.series is None:
        raise SeriesTooShort("nothing was admitted", expected="an accepted series")
    window = WindowSpec(history=declared.history, horizon=declared.horizon)
    return lay_out(declared.name, admission.series, window, (train, origins))


def lay_out(
    name: str, series: ClimateSeries, window: WindowSpec, asked: tuple[int | None, int]
) -> Protocol:
    """Place the train rows and the origins in a series; `asked` is the number of each.

    Raises:
        SeriesTooShort: no origin is left after the train rows, or these hold no window.
    """
    train = asked[0] or TRAIN_ROWS.get(name) or int(TRAIN_SHARE * len(series))
    most = len(series) - train - window.horizon + 1
    if train < window.span or most < 1:
        raise SeriesTooShort(
            f"too few rows to fit on {train} of them and to forecast after",
            expected=f"at least {max(train, window.span) + window.horizon} rows, "
            f"and {window.span} of them to fit on",
            found=len(series),
        )
    origins = min(asked[1], most)
    fewer = f"{asked[1]} origins were asked for, the rows hold {origins}"
    return Protocol(
        dataset=name,
        series=series,
        window=window,
        train=train,
        origins=range(train - 1, train - 1 + origins),
        notes=(fewer,) if origins < asked[1] else (),
    )
