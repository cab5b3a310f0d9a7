"""Read files that are already on this machine: inside an installed package, or given by path."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from data_checks.origins import PackageSource
from forecasting.errors import SourceTooLarge, SourceUnavailable


def read_package(source: PackageSource, *, most_bytes: int) -> bytes:
    """Read a data file of an installed package, without importing the package.

    Raises:
        SourceUnavailable: the package or the file is not there.
        SourceTooLarge: the file is larger than `most_bytes`.
    """
    found = importlib.util.find_spec(source.package)
    if found is None or not found.submodule_search_locations:
        raise SourceUnavailable(
            "the package is not installed", expected=source.package, found="no such package"
        )
    return read_file(Path(found.submodule_search_locations[0]) / source.file, most_bytes=most_bytes)


def read_files(paths: Sequence[Path], *, most_bytes: int) -> tuple[bytes, ...]:
    """Read local files, in order.

    Raises:
        SourceUnavailable: one cannot be read.
        SourceTooLarge: one is larger than `most_bytes`.
    """
    return tuple(read_file(path.expanduser(), most_bytes=most_bytes) for path in paths)


def read_file(path: Path, *, most_bytes: int) -> bytes:
    """Read one local file of bounded size.

    Raises:
        SourceUnavailable: it cannot be read.
        SourceTooLarge: it is larger than `most_bytes`.
    """
    if not path.is_file():  # a pipe or a device could be read for ever
        raise SourceUnavailable("a file cannot be read", expected="an ordinary file", found=path)
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise SourceUnavailable("a file cannot be read", found=error) from error
    if len(content) > most_bytes:
        raise SourceTooLarge(
            f"{path.name} is too large", expected=f"at most {most_bytes} bytes", found="more"
        )
    return content
