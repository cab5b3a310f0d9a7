"""Divide a declaration of several stations or targets into parts, each an ordinary dataset."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from data_checks.columns import Heading, VariableName
from data_checks.declaration import Dataset, checked, dataset_of, read_toml, unusable
from data_checks.origins import Source, Strict
from data_checks.places import Name, Site
from forecasting.errors import DatasetInvalid

Targets = Annotated[tuple[VariableName, ...], Field(min_length=1, max_length=100)]
Sites = Annotated[dict[Name, Site], Field(min_length=1, max_length=1000)]

#: What only the whole says; a part has one station and one target instead.
OF_THE_WHOLE = ("stations", "station", "target", "source", "pooled", "covariates")


class Several(Strict):
    """What a declaration says of its stations and targets; the other keys are every part's."""

    stations: Sites
    target: Targets
    source: Source | None = None
    station_column: Heading | None = None
    covariates: tuple[VariableName, ...] | None = None
    pooled: bool | None = None

    def names(self, station: str, target: str) -> str:
        """Return what names a part behind the name of the whole."""
        of_station = f"#{station}" if len(self.stations) > 1 else ""
        return of_station + (f"@{target}" if len(self.target) > 1 else "")

    def read_beside(self, target: str) -> tuple[str, ...] | None:
        """Return a target's covariates: the declared ones and the other targets; None for all."""
        if self.covariates is None or len(self.target) == 1:
            return self.covariates
        every = dict.fromkeys((*self.covariates, *self.target))
        return tuple(name for name in every if name != target)


def parse_parts(text: str, where: str) -> tuple[Dataset, ...]:
    """Read a declaration; returns one dataset a station and target, in the order of the file.

    A target's covariates are the declared ones and the other targets, or all variables.

    Args:
        text: TOML.
        where: the file's name, for the error.

    Raises:
        DatasetInvalid: as `parse_dataset`; or nothing says which rows are which station's, two
            stations have one label, or a target is named twice.
    """
    content = read_toml(text, where)
    if "stations" in content:
        if "station" in content:
            raise unusable(where, "station", "station or stations, not both", "both")
        return tuple(_parts(content, where))
    if isinstance(content.get("target"), list) and isinstance(content.get("station"), dict):
        # A single station has the dataset's name unless it has its own.
        station = {"name": content.get("name"), **content["station"]}
        name = station.pop("name")
        return tuple(_parts({**content, "stations": {str(name): station}}, where))
    if content.get("pooled"):
        raise unusable(where, "pooled", "stations to be pooled", "one station")
    return (dataset_of(content, where),)


def _parts(content: dict[str, Any], where: str) -> Iterator[Dataset]:
    """Yield the parts of several stations or targets, after checking that they are apart."""
    target = content.get("target")
    listed = [target] if isinstance(target, str) else target
    keys = {key: content[key] for key in Several.model_fields if key in content}
    whole = checked(Several, keys if target is None else {**keys, "target": listed}, where)
    _check_apart(whole, where)
    common = {key: value for key, value in content.items() if key not in OF_THE_WHOLE}
    for name, site in content["stations"].items():
        place = {key: value for key, value in site.items() if key != "source"}
        for each in whole.target:
            part = {
                **common,
                "source": site.get("source", content.get("source")),
                "station": {"name": name, **place},
                "target": each,
                "covariates": whole.read_beside(each),
                "targets": whole.target,
                "part": whole.names(name, each),
                "pooled": len(whole.stations) > 1 and whole.pooled is not False,
            }
            yield dataset_of(part, where)


def _check_apart(whole: Several, where: str) -> None:
    """Refuse targets named twice, and stations whose rows nothing would tell apart."""
    if len(set(whole.target)) != len(whole.target):
        raise unusable(where, "target", "each target once", ", ".join(whole.target))
    if whole.pooled and len(whole.stations) == 1:
        raise unusable(where, "pooled", "two or more stations to be pooled", "one station")
    sites = whole.stations.items()
    without = [name for name, site in sites if site.source is None]
    if without and whole.source is None:
        raise unusable(where, f"stations.{without[0]}.source", "this key, or a source for all", "")
    if whole.source is not None and not without:
        raise unusable(where, "source", "none beside a source for each station", whole.source.kind)
    _check_labels(whole, where)
    _check_sources(whole, where)


def _check_labels(whole: Several, where: str) -> None:
    labels: dict[str, str] = {}
    for name, site in whole.stations.items():
        label = site.label or name
        if label in labels:
            expected = f"another label than {label}, which is that of {labels[label]}"
            raise unusable(where, f"stations.{name}.label", expected, label)
        labels[label] = name


def _check_sources(whole: Several, where: str) -> None:
    """Refuse one file for two stations without a column that says which row is whose."""
    if whole.station_column is not None:
        return
    seen: dict[str, str] = {}
    for name, site in whole.stations.items():
        source = site.source or whole.source
        if source is None or source.kind == "open-meteo":
            continue
        same = seen.setdefault(source.model_dump_json(), name)
        if same != name:
            raise unusable(
                where,
                f"stations.{name}",
                "a station_column, or a source for each station",
                f"the source of {same} for both",
            )


def only(parts: tuple[Dataset, ...], name: str) -> Dataset:
    """Return the one part that a name stands for.

    Raises:
        DatasetInvalid: there are several, or none.
    """
    if len(parts) != 1:
        raise DatasetInvalid(
            f"{name} does not name one station and one target",
            expected="#station, @target or both behind its name, if it has any such part",
            found=", ".join(part.part for part in parts) or "no such part",
        )
    return parts[0]
