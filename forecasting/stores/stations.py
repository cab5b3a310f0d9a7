"""Keep each station's card and its last admitted days; written by rename, read without pandas."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from forecasting.errors import StationUnknown
from forecasting.stores.climatologies import ClimatologyTable, parse_climatology
from forecasting.stores.files import safe_name, write_json

#: Longest name of a registered model, which becomes part of a path.
LONGEST_MODEL = 64


def climate_model(station: str, further_target: str | None = None) -> str:
    """Name the registered model of a station's first target, or of a further one.

    >>> climate_model("oslo"), climate_model("oslo", "precipitation_sum")
    ('climate-oslo', 'climate-oslo--precipitation_sum')
    """
    return f"climate-{station}" + ("" if further_target is None else f"--{further_target}")


@dataclass(frozen=True, kw_only=True)
class VariableCard:
    """A variable as a client meets it: Open-Meteo name, internal unit, admitted range."""

    name: str
    unit: str
    lower: float
    upper: float


@dataclass(frozen=True, kw_only=True)
class StationCard:
    """What is known of a station beside its observations.

    `target` is the station's first; `targets` are all of them, the first one first, empty on a
    card older than that field. `max_age_days` is None for a fixed historical dataset, which is
    never too old; `elevation` is in metres above the sea.
    """

    name: str
    latitude: float
    longitude: float
    timezone: str
    target: str
    variables: tuple[VariableCard, ...]
    step_seconds: int
    history: int
    horizon: int
    licence: str
    attribution: str
    max_age_days: float | None = None
    targets: tuple[str, ...] = ()
    elevation: float | None = None

    @property
    def every_target(self) -> tuple[str, ...]:
        """All targets of the station, the first one first."""
        return self.targets or (self.target,)

    def model(self, target: str) -> str:
        """Return the name of a target's registered model."""
        return climate_model(self.name, None if target == self.target else target)


@dataclass(frozen=True, kw_only=True)
class RecentDays:
    """The last admitted steps: `time` labels (ISO), and per variable a value or None for a gap.

    `quarantined` lists the labels, among `time`, at which a cell of the variable was refused.
    `data_sha256` names the admitted series of the first target, `series` that of each target:
    the same observations in another order, the target first.
    """

    data_sha256: str
    time: tuple[str, ...]
    values: dict[str, tuple[float | None, ...]]
    quarantined: dict[str, tuple[str, ...]]
    series: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StationRecord:
    """A station's card together with its last admitted days.

    `climatologies` say what is usual of each target; a record older than that field has none.
    """

    card: StationCard
    recent: RecentDays
    climatologies: dict[str, ClimatologyTable] = field(default_factory=dict)

    def data_of(self, target: str) -> str:
        """Return the SHA-256 of a target's newest admitted series.

        Raises:
            StationUnknown: none was admitted for that target.
        """
        series = self.recent.series or {self.card.target: self.recent.data_sha256}
        if target not in series:
            raise StationUnknown(
                f"no series of {self.card.name} has been admitted for {target}",
                expected=", ".join(series),
                found=target,
            )
        return series[target]


def stations_folder(root: Path) -> Path:
    """Return the folder that holds one JSON file a station."""
    return root / "stations"


def write_station(root: Path, record: StationRecord) -> Path:
    """Write a station's record by rename; returns its path."""
    path = stations_folder(root) / f"{safe_name(record.card.name)}.json"
    write_json(path, asdict(record))
    return path


def read_station(root: Path, name: str) -> StationRecord:
    """Read a station's record.

    Raises:
        NameInvalid: the name may not become a path.
        StationUnknown: no such station has been admitted.
    """
    path = stations_folder(root) / f"{safe_name(name)}.json"
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise StationUnknown(
            f"station {name} is not known here", expected=list_stations(root) or "a retrain first"
        ) from error
    return parse_station(content)


def parse_station(content: dict[str, Any]) -> StationRecord:
    """Build the record from the JSON that `write_station` wrote."""
    card = dict(content["card"])
    card["variables"] = tuple(VariableCard(**variable) for variable in card["variables"])
    card["targets"] = tuple(card.get("targets", ()))
    recent = dict(content["recent"])
    recent["time"] = tuple(recent["time"])
    recent["values"] = {name: tuple(column) for name, column in recent["values"].items()}
    recent["quarantined"] = {name: tuple(days) for name, days in recent["quarantined"].items()}
    usual = {
        name: parse_climatology(table) for name, table in content.get("climatologies", {}).items()
    }
    return StationRecord(card=StationCard(**card), recent=RecentDays(**recent), climatologies=usual)


def list_stations(root: Path) -> list[str]:
    """Return the names of all known stations, sorted."""
    return sorted(path.stem for path in stations_folder(root).glob("*.json"))
