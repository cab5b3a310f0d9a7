"""Measure a text before anybody trains on it: its bytes, its characters, its repeats."""

import string
import unicodedata
from collections import Counter
from dataclasses import dataclass

import numpy as np

from data_checks.corpora import TextCorpus
from forecasting.errors import SourceFormat

#: Control characters that a text may hold: ends of lines, and tabs.
PLAIN_CONTROLS = "\n\r\t"

#: Length of the stretches whose repetition is counted, in characters: about ten words.
REPEATED = 50

#: How a page of the web begins that came where a text should.
PAGES = ("<!doctype html", "<html")


@dataclass(frozen=True, kw_only=True)
class TextFacts:
    """What was measured of a text before anybody trains on it.

    `characters` of the work as it came, `prepared` as it is read; `letters` of a to z that
    occur; `controls` counts control characters, lone surrogates and characters that Unicode has
    not; `prose` is the share of letters and white space, `repeats` that of repeated stretches.
    """

    characters: int
    prepared: int
    letters: int
    controls: int
    prose: float
    repeats: float
    licence: str


def decode(content: bytes, name: str) -> str:
    """Return the text of bytes in UTF-8, with or without a byte order mark.

    Raises:
        SourceFormat: not UTF-8, empty, or a page of the web.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SourceFormat(
            f"{name} is not a text", expected="UTF-8", found=f"another byte in line {line}"
        ) from error
    begin = text.lstrip()[:20].lower()
    if not begin or begin.startswith(PAGES):
        found = "a page of HTML" if begin else "nothing"
        raise SourceFormat(f"{name} is not a text", expected="plain text", found=found)
    return text


def measure(corpus: TextCorpus, work: str, text: str) -> TextFacts:
    """Measure a work and the text that is made of it."""
    counts = Counter(work)
    kinds = {each: unicodedata.category(each) for each in counts}
    odd = {each for each, kind in kinds.items() if kind in {"Cc", "Cs", "Cn"}}
    prose = {each for each, kind in kinds.items() if kind[0] == "L" or each.isspace()}
    return TextFacts(
        characters=len(work),
        prepared=len(text),
        letters=len(set(work.lower()) & set(string.ascii_lowercase)),
        controls=sum(counts[each] for each in odd - set(PLAIN_CONTROLS)),
        prose=sum(counts[each] for each in prose) / max(len(work), 1),
        repeats=repeated_share(text),
        licence=corpus.licence.strip(),
    )


def repeated_share(text: str) -> float:
    """Return the share of stretches of 50 characters that have stood in the text before.

    >>> repeated_share("ab" * 25), round(repeated_share("ab" * 50), 2)
    (0.0, 0.96)
    """
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    count = len(codes) - REPEATED + 1
    if count < 1:
        return 0.0
    digests = np.zeros(count, np.uint64)
    for place in range(REPEATED):  # a polynomial over the stretch, in arithmetic modulo 2**64
        digests = digests * np.uint64(0x9E3779B97F4A7C15) + codes[place : place + count]
    return 1.0 - len(np.unique(digests)) / count
