"""Find datasets by a shipped name or by the path of a TOML file; `#`, `@` name a part of one."""

import re
from pathlib import Path

from data_checks.declaration import Dataset
from data_checks.origins import CsvSource
from data_checks.parts import only, parse_parts
from forecasting.errors import DatasetInvalid, DatasetUnknown

SHIPPED = Path(__file__).parent / "datasets"
TOML_BYTES = 2**20

#: A name, and behind it `#station`, `@target` or both, where the dataset has several of them.
PART = re.compile(r"(?P<whole>.*?)(?P<station>#[a-z0-9_-]+)?(?P<target>@[a-z][a-z0-9_]*)?")


def find_dataset(name_or_toml: str) -> Dataset:
    """Return the dataset of one station and one target that a name stands for.

    Args:
        name_or_toml: as for `find_parts`.

    Raises:
        DatasetUnknown: neither a shipped name nor an existing file, or no such part of it.
        DatasetInvalid: the file does not declare a dataset, or the name stands for several.
    """
    return only(find_parts(name_or_toml), name_or_toml)


def find_parts(name_or_toml: str) -> tuple[Dataset, ...]:
    """Return every dataset that a name stands for, one a station and target.

    Args:
        name_or_toml: a shipped name, or a path that ends in `.toml`; with `#station`, `@target`
            or both behind it for some of its parts only. Relative paths of CSV files inside a
            TOML file are relative to it.

    Raises:
        DatasetUnknown: neither a shipped name nor an existing file, or no such part of it.
        DatasetInvalid: the file does not declare a dataset.
    """
    whole, station, target = _divided(name_or_toml)
    parts = _read(Path(whole).expanduser()) if whole.endswith(".toml") else _shipped(whole)
    chosen = tuple(
        part
        for part in parts
        if station in (None, part.place.name) and target in (None, part.target)
    )
    if not chosen:
        stations = ", ".join(dict.fromkeys(part.place.name for part in parts))
        raise DatasetUnknown(
            f"{whole} has no such part",
            expected=f"#station among {stations}, @target among {', '.join(parts[0].every_target)}",
            found=name_or_toml[:200],
        )
    return chosen


def part_names(name_or_toml: str) -> dict[str, Dataset]:
    """Return every part that a name stands for by a name that stands for it alone."""
    whole, _, _ = _divided(name_or_toml)
    return {f"{whole}{part.part}": part for part in find_parts(name_or_toml)}


def is_of_one_station(name: str) -> bool:
    """Say whether a name stands for one station of a dataset: it has `#STATION` in it."""
    return _divided(name)[1] is not None


def resolved(name: str) -> str:
    """Make the path of a TOML file absolute: a scheduled run may start in another folder."""
    whole, _, _ = _divided(name)
    part = name.removeprefix(whole)
    return str(Path(whole).expanduser().resolve()) + part if whole.endswith(".toml") else name


def shipped_datasets() -> list[Dataset]:
    """Return the datasets that come with the program, by name."""
    return [part for path in sorted(SHIPPED.glob("*.toml")) for part in _read(path)]


def _divided(name: str) -> tuple[str, str | None, str | None]:
    """Return the whole's name, and the station and the target that stand behind it."""
    found = PART.fullmatch(name)
    if found is None:
        return name, None, None
    station, target = found["station"], found["target"]
    return found["whole"], station and station[1:], target and target[1:]


def _shipped(name: str) -> tuple[Dataset, ...]:
    shipped = shipped_datasets()
    named = tuple(dataset for dataset in shipped if dataset.name == name)
    if not named:
        known = ", ".join(dict.fromkeys(dataset.name for dataset in shipped))
        raise DatasetUnknown(
            "no such dataset", expected=f"{known}, or a path to a .toml file", found=name[:200]
        )
    return named


def _read(path: Path) -> tuple[Dataset, ...]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetUnknown(
            "no such dataset file", expected="a readable .toml file", found=path
        ) from error
    if len(content) > TOML_BYTES:
        raise DatasetInvalid(
            f"{path.name} is too large", expected=f"at most {TOML_BYTES} bytes", found=len(content)
        )
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise DatasetInvalid(f"{path.name} is not text", expected="UTF-8", found=error) from error
    return tuple(_beside(part, path.parent) for part in parse_parts(text, path.name))


def _beside(dataset: Dataset, folder: Path) -> Dataset:
    """Make the paths of local files absolute: relative ones are relative to the TOML file."""
    if not isinstance(dataset.source, CsvSource):
        return dataset
    paths = tuple((folder / path.expanduser()).resolve() for path in dataset.source.paths)
    source = dataset.source.model_copy(update={"paths": paths})
    return dataset.model_copy(update={"source": source})
