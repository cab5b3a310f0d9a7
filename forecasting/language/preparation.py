"""Turn a file's text into the characters that a model reads: a stated rule, applied everywhere."""

import re
import unicodedata
from typing import Literal

from forecasting.errors import CorpusInvalid

Preparation = Literal["letters", "as-is"]

#: How Project Gutenberg marks where the work itself begins and ends, since 2005 or so.
GUTENBERG_START = re.compile(
    r"^\*{3} ?START OF TH(?:E|IS) PROJECT GUTENBERG EBOOK[^\n]*$", re.MULTILINE
)
GUTENBERG_END = re.compile(
    r"^\*{3} ?END OF TH(?:E|IS) PROJECT GUTENBERG EBOOK[^\n]*$", re.MULTILINE
)

NOT_LETTERS = re.compile(r"[^A-Za-z]+")


def unwrap(text: str, begin: str | None = None, end: str | None = None) -> str:
    """Cut away what is no part of the work: licence, credits, contents.

    First what stands before and after Project Gutenberg's own marks, where they are; then what
    stands before the first `begin` and after the last `end`, which stay.

    Raises:
        CorpusInvalid: a mark that is asked for does not stand in the text.
    """
    started = GUTENBERG_START.search(text)
    text = text[started.end() :] if started else text
    ended = GUTENBERG_END.search(text)
    text = text[: ended.start()] if ended else text
    if begin is not None:
        text = text[_place(text.find(begin), begin) :]
    if end is not None:
        text = text[: _place(text.rfind(end), end) + len(end)]
    return text


def _place(found: int, mark: str) -> int:
    if found < 0:
        raise CorpusInvalid("a mark does not stand in the text", expected=mark[:80], found="none")
    return found


def prepare(text: str, preparation: Preparation) -> str:
    r"""Return the characters that a model reads.

    `letters` is the lecture's rule: every run of anything but A to Z becomes one space, and
    letters become lower case. `as-is` keeps everything, in Unicode's form NFC and with `\n`
    for every end of a line.

    >>> prepare("The Time\r\nMachine, 1898", "letters")
    'the time machine '
    >>> prepare("A\r\nB", "as-is")
    'A\nB'

    Source: Zhang et al., Dive into Deep Learning, section 9.2.
    """
    if preparation == "letters":
        return NOT_LETTERS.sub(" ", text).lower()
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
