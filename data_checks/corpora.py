"""Declare a corpus: where its text comes from, what of it is the work, how it is read."""

import json
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from data_checks.columns import Share
from data_checks.origins import Fixed, PackageSource, Strict, UrlSource
from data_checks.places import Name
from forecasting.errors import CorpusInvalid
from forecasting.language.preparation import Preparation

#: What a corpus has whose declaration says nothing of a licence; the checks refuse it.
NO_LICENCE = "not stated"


class FileSource(Fixed):
    """One local file; a relative path is relative to the corpus' own file."""

    kind: Literal["file"]
    path: Path

    def names(self) -> tuple[str, ...]:
        """Name the files in the order in which they are landed."""
        return (str(self.path),)


class TextLimits(Strict):
    """When a text is refused: too short, too little of its alphabet, too much of it repeated.

    `min_letters` counts the letters a to z that occur, `min_prose` is the share of letters and
    white space, `max_repeats` that of stretches of 50 characters that stood there before.
    """

    min_characters: Annotated[int, Field(ge=2_000)] = 10_000
    max_characters: Annotated[int, Field(ge=2_000)] = 20_000_000
    min_letters: Annotated[int, Field(ge=0, le=26)] = 20
    min_prose: Share = 0.85
    max_repeats: Share = 0.05


class TextCorpus(Strict):
    """What a corpus' file says.

    `begin` and `end` are words with which the work itself begins and ends: what stands before
    and after them, such as credits and a list of contents, is left out.
    """

    name: Name
    title: str = ""
    licence: str = NO_LICENCE
    attribution: str = ""
    source: Annotated[PackageSource | FileSource | UrlSource, Field(discriminator="kind")]
    preparation: Preparation = "letters"
    begin: Annotated[str | None, Field(min_length=1, max_length=1_000)] = None
    end: Annotated[str | None, Field(min_length=1, max_length=1_000)] = None
    limits: TextLimits = TextLimits()


def parse_corpus(text: str, where: str) -> TextCorpus:
    """Read a corpus' declaration.

    Args:
        text: TOML.
        where: the file's name, for the error.

    Raises:
        CorpusInvalid: the text is not TOML, or a key is unknown, missing or of the wrong type.
    """
    try:
        content = tomllib.loads(text)
        # JSON is the form in which a strict model takes lists for tuples and text for paths.
        return TextCorpus.model_validate_json(json.dumps(content))
    except tomllib.TOMLDecodeError as error:
        raise CorpusInvalid(f"{where} is not TOML", expected="TOML", found=error) from error
    except TypeError as error:
        raise CorpusInvalid(f"{where} cannot be used", expected="text and numbers") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(str(part) for part in first["loc"]) or "the declaration"
        raise CorpusInvalid(
            f"{where}: {path} cannot be used",
            expected=first["msg"].removeprefix("Value error, "),
            found=repr(first["input"])[:200],
        ) from error
