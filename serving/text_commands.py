"""The verbs that use a language model without a server: write a prompt on, or score a text."""

import json as json_format
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from forecasting.errors import SourceUnavailable
from forecasting.language.sampling import SamplingSpec
from forecasting.stores.published import read_pointer, version_folder
from serving.settings import load_serving_settings
from serving.text_schemas import ScoreBody, TextBody, refused
from serving.texts import Deadline, TextModel, score_answer, text_answer, text_model_name

#: How characters are drawn where nothing is said.
USUAL = SamplingSpec()


def complete(
    name: str,
    prompt: str,
    *,
    length: int = 200,
    sampling: Annotated[SamplingSpec, Parameter(name="*")] = USUAL,
    json: bool = False,
) -> None:
    """Write a prompt on from a corpus' champion.

    Args:
        name: the corpus.
        prompt: what stands before.
        length: characters to write.
        sampling: how they are drawn.
        json: print the same object as the HTTP answer.

    Raises:
        SamplingInvalid, RequestRefused: a number is out of bounds.
        NoChampion: the corpus has no promoted model.
    """
    try:
        TextBody(model=name, prompt=prompt, length=length)
    except ValidationError as error:
        raise refused(error) from error
    model, deadline = _champion(name)
    read = model.read(prompt)
    text = "".join(model.write(read, length, sampling, deadline))
    if json:
        _print(text_answer(model, read, text))
    else:
        Console().print(Text(read + text), soft_wrap=True)


def score(
    name: str,
    *,
    text: Path | None = None,
    string: str | None = None,
    per_character: bool = False,
    json: bool = False,
) -> None:
    """Say how well a corpus' champion foretells a text: bits a character and perplexity.

    Args:
        name: the corpus.
        text: the text's file, in UTF-8.
        string: the text itself, in place of a file.
        per_character: tell every character's bits as well, with `--json`.
        json: print the same object as the HTTP answer.

    Raises:
        RequestRefused: neither a file nor a text, or one that is empty or too long.
        SourceUnavailable: the file cannot be read.
        NoChampion: the corpus has no promoted model.
    """
    content = _content(text) if text is not None else string or ""
    try:
        asked = ScoreBody(model=name, text=content, per_character=per_character)
    except ValidationError as error:
        raise refused(error) from error
    model, deadline = _champion(name)
    read = model.read(asked.text)
    answer = score_answer(model, read, model.losses(read, deadline), each=per_character)
    if json:
        _print(answer)
    else:
        Console().print(
            f"{answer['bits_per_character']:.3f} bits a character, perplexity "
            f"{answer['perplexity']:.2f}, over {answer['characters']} characters, "
            f"{answer['unknown']} of them unknown"
        )


def _champion(name: str) -> tuple[TextModel, Deadline]:
    settings = load_serving_settings()
    pointer = read_pointer(settings.root, text_model_name(name))
    model = TextModel.load(version_folder(settings.root, pointer), pointer)
    return model, Deadline.after(settings.text_seconds)


def _content(path: Path) -> str:
    try:
        return path.expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceUnavailable(
            "the text cannot be read", expected="a file in UTF-8", found=path
        ) from error


def _print(answer: dict[str, Any]) -> None:
    sys.stdout.write(json_format.dumps(answer, allow_nan=False, ensure_ascii=False) + "\n")
