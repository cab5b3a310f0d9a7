"""Admit a text: decode, cut out the work, measure, judge; the only way to a training text."""

import hashlib
from dataclasses import asdict, dataclass
from typing import Literal

from data_checks.corpora import NO_LICENCE, TextCorpus
from data_checks.text_facts import TextFacts, decode, measure
from data_checks.verdict import ExpectationResult
from forecasting.errors import CorpusInvalid, DataRefused
from forecasting.language.preparation import prepare, unwrap


@dataclass(frozen=True, kw_only=True)
class TextAdmission:
    """The verdict on one text, bound to the bytes that were read and to the text they hold."""

    corpus: str
    text: str | None
    facts: TextFacts
    expectations: tuple[ExpectationResult, ...]
    verdict: Literal["accepted", "refused"]
    file_sha256: str
    data_sha256: str | None

    @property
    def failed(self) -> tuple[ExpectationResult, ...]:
        """The expectations that were not met."""
        return tuple(result for result in self.expectations if not result.success)

    def to_json(self) -> dict[str, object]:
        """Return the verdict as the run record keeps it; without the text."""
        return {
            "corpus": self.corpus,
            "verdict": self.verdict,
            "facts": asdict(self.facts),
            "expectations": [asdict(result) for result in self.expectations],
            "file_sha256": self.file_sha256,
            "data_sha256": self.data_sha256,
        }


def admit_text(corpus: TextCorpus, content: bytes) -> TextAdmission:
    """Check a text's bytes.

    Raises:
        SourceFormat: the bytes are no text in UTF-8, or are a page of the web.
        CorpusInvalid: a word that marks the work's begin or end does not stand in it.
    """
    from data_checks.text_suite import check_text  # noqa: PLC0415 - takes seconds to import

    work = unwrap(decode(content, corpus.name), corpus.begin, corpus.end)
    text = prepare(work, corpus.preparation)
    facts = measure(corpus, work, text)
    results = check_text(corpus, facts)
    accepted = all(result.success for result in results)
    return TextAdmission(
        corpus=corpus.name,
        text=text if accepted else None,
        facts=facts,
        expectations=results,
        verdict="accepted" if accepted else "refused",
        file_sha256=hashlib.sha256(content).hexdigest(),
        data_sha256=hashlib.sha256(text.encode()).hexdigest() if accepted else None,
    )


def require_accepted(admission: TextAdmission) -> str:
    """Return the text's SHA-256 where it was accepted.

    Raises:
        CorpusInvalid: the declaration states no licence.
        DataRefused: the checks refused the text.
    """
    if admission.data_sha256 is not None:
        return admission.data_sha256
    if admission.facts.licence in {"", NO_LICENCE}:
        raise CorpusInvalid(f"{admission.corpus} states no licence", expected="a licence")
    first = admission.failed[0]
    more = len(admission.failed) - 1
    raise DataRefused(
        f"the text checks refused {admission.corpus}: {first.variable or first.name}"
        + (f" and {more} more" if more else ""),
        expected=first.expected,
        found=first.observed,
    )
