"""Declare where a dataset's files come from: five kinds, told apart by the key `kind`."""

from abc import abstractmethod
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Strict(BaseModel):
    """A part of a declaration: typed strictly, frozen, and without unknown keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


def inner_path(path: str) -> str:
    """Return a path that stays inside the folder it is relative to.

    Raises:
        ValueError: it is absolute or climbs out.
    """
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or "\\" in path or not parts.parts:
        raise ValueError("a relative path without '..'")
    return path


class Fixed(Strict):
    """A source whose bytes may be fixed: `sha256` names them, in the order of the files."""

    sha256: tuple[Sha256, ...] = ()

    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Name the files in the order in which they are landed."""

    @model_validator(mode="after")
    def _one_sum_a_file(self) -> Self:
        if self.sha256 and len(self.sha256) != len(self.names()):
            raise ValueError(f"{len(self.names())} sums, one for each file")
        return self


class PackageSource(Fixed):
    """A data file inside an installed Python package."""

    kind: Literal["package"]
    package: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    file: str

    _inside = field_validator("file")(inner_path)

    def names(self) -> tuple[str, ...]:
        """Name the files in the order in which they are landed."""
        return (self.file,)


class CsvSource(Fixed):
    """One or more local files; relative paths are relative to the dataset's own file."""

    kind: Literal["csv"]
    paths: Annotated[tuple[Path, ...], Field(min_length=1, max_length=1000)]

    def names(self) -> tuple[str, ...]:
        """Name the files in the order in which they are landed."""
        return tuple(str(path) for path in self.paths)


class UrlSource(Fixed):
    """One file behind an https address whose host the settings allow."""

    kind: Literal["url"]
    url: Annotated[str, Field(min_length=1, max_length=2000)]

    def names(self) -> tuple[str, ...]:
        """Name the files in the order in which they are landed."""
        return (self.url,)


class KaggleSource(Fixed):
    """Files of a public Kaggle dataset, through the optional `kagglehub`."""

    kind: Literal["kaggle"]
    dataset: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}/[A-Za-z0-9-]{1,128}$")]
    files: Annotated[tuple[str, ...], Field(min_length=1, max_length=100)]

    @field_validator("files")
    @classmethod
    def _inside(cls, files: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(inner_path(file) for file in files)

    def names(self) -> tuple[str, ...]:
        """Name the files in the order in which they are landed."""
        return self.files


#: The terms under which the archive gives its data: https://open-meteo.com/en/licence
OPEN_METEO_TERMS = {
    "licence": "CC-BY-4.0",
    "attribution": "Weather data by Open-Meteo.com (https://open-meteo.com/)",
}


class OpenMeteoSource(Strict):
    """Daily values of the Open-Meteo archive; the columns' names are the API's own.

    `end` left out means the newest day that the archive holds for sure.
    """

    kind: Literal["open-meteo"]
    start: date
    end: date | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end is not None and self.end < self.start:
            raise ValueError("an end that is not before the start")
        return self


Source = Annotated[
    PackageSource | CsvSource | UrlSource | KaggleSource | OpenMeteoSource,
    Field(discriminator="kind"),
]
