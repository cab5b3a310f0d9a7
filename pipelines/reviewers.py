"""Take a reviewer's name and words as plain text of bounded length, or refuse them."""

import getpass
import re
import unicodedata

from forecasting.errors import GatecastError

#: Longest name and longest reason, in characters.
NAME_LENGTH, REASON_LENGTH = 100, 1000

#: What Markdown could take for more than a character.
MARKUP = re.compile(r"([\\`*_{}\[\]<>#|!~&])")


class ReviewInvalid(GatecastError):
    """A reviewer's name or reason is missing, too long or no plain text."""

    code = "REVIEW_INVALID"


def reviewer(given: str | None) -> str:
    """Return the name under which a review is recorded: what was given, else the system's user.

    Raises:
        ReviewInvalid: there is no name, or it is no plain text.
    """
    if given is None:
        try:
            given = getpass.getuser()
        except (OSError, KeyError) as error:
            raise ReviewInvalid(
                "the system knows no user", expected="a name, by --by NAME"
            ) from error
    return _plain(given, "the reviewer's name", NAME_LENGTH, least=1)


def reason(given: str, *, needed: bool = False) -> str:
    """Return a reviewer's reason.

    Raises:
        ReviewInvalid: it is needed and empty, or no plain text.
    """
    return _plain(given, "the reason", REASON_LENGTH, least=int(needed))


def in_markdown(text: str) -> str:
    r"""Return plain text as Markdown that shows just that.

    >>> in_markdown("<b>good_</b>")
    '\\<b\\>good\\_\\</b\\>'
    """
    return MARKUP.sub(r"\\\1", text)


def _plain(given: str, what: str, longest: int, *, least: int) -> str:
    text = unicodedata.normalize("NFC", given).strip()
    if not least <= len(text) <= longest:
        raise ReviewInvalid(
            f"{what} has another length",
            expected=f"{least} to {longest} characters",
            found=f"{len(text)} characters",
        )
    # Control, format, surrogate and private characters, and what breaks a line.
    if any(unicodedata.category(each)[0] == "C" or each in "\u2028\u2029" for each in text):
        raise ReviewInvalid(
            f"{what} is no plain text", expected="one line without control characters"
        )
    return text
