"""Read the playground's form as the API reads a body: the same fields, the same limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from pydantic import ValidationError

from serving.refusals import Fault, RequestRefused
from serving.text_schemas import TextBody, refused

#: Most fields of a form: a body of thousands of names is no form of ours.
MOST_FIELDS: Final = 16

#: What stands in the form at first.
BLANK: Final[Mapping[str, str]] = {
    "model": "",
    "prompt": "it was ",
    "length": "200",
    "temperature": "0.7",
}


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form's fields as texts, as they stand in it again when it comes back."""

    model: str
    prompt: str
    length: str
    temperature: str

    @classmethod
    def of(cls, body: bytes) -> "Form":
        """Take the fields of a posted form; what is not there stands as at first.

        Raises:
            RequestRefused: not a form, or one with too many fields.
        """
        try:
            sent = parse_qs(
                body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"
            )
        except ValueError as error:
            raise RequestRefused("the form cannot be read") from error
        fields = {name: sent.get(name, [blank])[0] for name, blank in BLANK.items()}
        # A browser sends two characters for the end of a line; the models know one.
        fields["prompt"] = fields["prompt"].replace("\r\n", "\n")
        return cls(**fields)

    def asked(self) -> TextBody:
        """Return the same as the body of `POST /v1/text`, checked by the same rules.

        Raises:
            RequestRefused: a field is missing, of the wrong type or out of bounds.
        """
        content: dict[str, Any] = {
            "model": self.model,
            "prompt": self.prompt,
            "length": _number(self.length, int, "length"),
            "temperature": _number(self.temperature, float, "temperature"),
        }
        try:
            return TextBody.model_validate(content)
        except ValidationError as error:
            raise refused(error) from error


def _number(text: str, kind: type[int] | type[float], name: str) -> float:
    try:
        return kind(text)
    except ValueError as error:
        message = "a number"
        raise RequestRefused(
            "the form's fields are not valid", [Fault(path=name, message=message)]
        ) from error
