"""Find a dataset by its shipped name or by the path of its TOML file."""

from pathlib import Path

from data_checks.declaration import Dataset, parse_dataset
from data_checks.origins import CsvSource
from forecasting.errors import DatasetInvalid, DatasetUnknown

SHIPPED = Path(__file__).parent / "datasets"
TOML_BYTES = 2**20


def find_dataset(name_or_toml: str) -> Dataset:
    """Return a shipped dataset, or the one that a TOML file declares.

    Args:
        name_or_toml: a shipped name, or a path that ends in `.toml`. Relative paths of CSV
            files inside it are relative to it.

    Raises:
        DatasetUnknown: neither a shipped name nor an existing file.
        DatasetInvalid: the file does not declare a dataset.
    """
    if name_or_toml.endswith(".toml"):
        return _read(Path(name_or_toml).expanduser())
    for dataset in shipped_datasets():
        if dataset.name == name_or_toml:
            return dataset
    known = ", ".join(dataset.name for dataset in shipped_datasets())
    raise DatasetUnknown(
        "no such dataset", expected=f"{known}, or a path to a .toml file", found=name_or_toml[:200]
    )


def resolved(name: str) -> str:
    """Make the path of a TOML file absolute: a scheduled run may start in another folder."""
    return str(Path(name).expanduser().resolve()) if name.endswith(".toml") else name


def shipped_datasets() -> list[Dataset]:
    """Return the datasets that come with the program, by name."""
    return [_read(path) for path in sorted(SHIPPED.glob("*.toml"))]


def _read(path: Path) -> Dataset:
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
    return _beside(parse_dataset(text, path.name), path.parent)


def _beside(dataset: Dataset, folder: Path) -> Dataset:
    """Make the paths of local files absolute: relative ones are relative to the TOML file."""
    if not isinstance(dataset.source, CsvSource):
        return dataset
    paths = tuple((folder / path.expanduser()).resolve() for path in dataset.source.paths)
    source = dataset.source.model_copy(update={"paths": paths})
    return dataset.model_copy(update={"source": source})
