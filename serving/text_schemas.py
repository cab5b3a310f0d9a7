"""Declare what the text routes take and give; strict, and silent about what was sent."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from forecasting.language.sampling import SamplingSpec
from serving.bodies import parse_json
from serving.refusals import BodyUnreadable, Fault, RequestRefused
from serving.schemas import json_path

#: Most characters of a prompt, of what is written on, and of a text that is scored.
PROMPT_CHARACTERS, LENGTH, SCORED_CHARACTERS = 10_000, 10_000, 50_000

#: How the reader of bodies says that a number is not one.
NOT_JSON = "is not JSON; write null for a gap"

ModelName = Annotated[
    str, Field(min_length=1, max_length=64, examples=["schoolmistress"], description="the corpus")
]


class TextBody(BaseModel):
    """Ask a language model to write a prompt on."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    model: ModelName
    prompt: Annotated[str, Field(min_length=1, max_length=PROMPT_CHARACTERS)]
    length: Annotated[int, Field(ge=1, le=LENGTH, description="characters to write")] = 200
    temperature: Annotated[
        float, Field(ge=0, le=100, description="0 takes the likeliest character each time")
    ] = 1.0
    top_k: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    # Whole numbers up to here are the same in every language's JSON.
    seed: Annotated[int, Field(ge=0, le=2**53)] = 0

    @property
    def sampling(self) -> SamplingSpec:
        """How characters are drawn."""
        return SamplingSpec(
            temperature=self.temperature, top_k=self.top_k, top_p=self.top_p, seed=self.seed
        )


class ScoreBody(BaseModel):
    """Ask how well a language model foretells a text."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    model: ModelName
    text: Annotated[str, Field(min_length=1, max_length=SCORED_CHARACTERS)]
    per_character: bool = False


class TextModelVersion(BaseModel):
    """Which version answered, and what it was trained on."""

    name: str
    version: int
    alias: str
    run_id: str
    data_sha256: str
    test_bits_per_character: float


class TextAnswer(BaseModel):
    """A prompt as the model read it, and what it wrote on."""

    model: TextModelVersion
    prompt: str
    unknown: int = Field(description="characters of the prompt that the model has no number for")
    text: str


class CharacterAnswer(BaseModel):
    """A character as the model read it, and how many bits it cost."""

    character: str
    bits: float | str


class ScoreAnswer(BaseModel):
    """How well a text was foretold; a measure that is infinite stands as the word Infinity."""

    model: TextModelVersion
    characters: int
    cross_entropy: float | str
    perplexity: float | str
    bits_per_character: float | str
    unknown: int
    per_character: list[CharacterAnswer] | None = None


def read_text_body(body: bytes) -> TextBody:
    """Check the body of a request to write.

    Raises:
        BodyUnreadable: not strict JSON.
        RequestRefused: a field is missing, unknown, of the wrong type or out of bounds.
    """
    parsed = _parsed(body)
    try:
        return TextBody.model_validate(parsed)
    except ValidationError as error:
        raise refused(error) from error


def read_score_body(body: bytes) -> ScoreBody:
    """Check the body of a request to score; raises as `read_text_body`."""
    parsed = _parsed(body)
    try:
        return ScoreBody.model_validate(parsed)
    except ValidationError as error:
        raise refused(error) from error


def _parsed(body: bytes) -> object:
    """Parse a body; a number that is not one is a wrong value here, not unreadable JSON."""
    try:
        return parse_json(body)
    except BodyUnreadable as error:
        if error.faults and all(fault.message.endswith(NOT_JSON) for fault in error.faults):
            faults = [Fault(path=each.path, message="a finite number") for each in error.faults]
            raise RequestRefused("the request's body is not valid", faults) from error
        raise


def refused(error: ValidationError) -> RequestRefused:
    """Return the refusal of a body that does not fit its schema, naming each path."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    faults = [Fault(path=json_path(detail["loc"]), message=detail["msg"]) for detail in details]
    return RequestRefused("the request's body is not valid", faults)
