"""Decide whether a language model has earned promotion: a pure rule over numbers, all kept."""

from dataclasses import asdict, dataclass
from typing import Any

from forecasting.language.scoring import TextScore
from forecasting.language.selftest import TOLERANCE, SelfTest
from forecasting.language.significance import Comparison


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Every threshold of the gate.

    Args:
        significance: largest one-sided p-value at which "better" is believed.
        megabytes: largest graph.
        milliseconds: longest time of one character on one thread, in the quickest quarter of
            calls: what other work of the machine takes is not the model's.
    """

    significance: float = 0.05
    megabytes: float = 50.0
    milliseconds: float = 5.0


LIMITS = Limits()


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question of the gate: what was required, what was found."""

    name: str
    passed: bool
    required: str
    found: str


@dataclass(frozen=True, kw_only=True)
class Duel:
    """The champion on the same test text: its version, its score, and ours against it."""

    version: int
    score: TextScore
    comparison: Comparison


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that the decision rests on; all scores are of the test text.

    `best_ngram` is the order that the validation text chose. `duel` is None where there is no
    champion, or none that reads the text as this one does.
    """

    candidate: TextScore
    rivals: dict[str, TextScore]
    best_ngram: str
    against_ngram: Comparison
    duel: Duel | None
    selftest: SelfTest
    megabytes: float
    milliseconds: float


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The decision with every number, every test and every threshold it used."""

    promoted: bool
    sentence: str
    checks: tuple[Check, ...]
    limits: Limits
    evidence: Evidence

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON; scores with all their measures."""
        content = asdict(self)
        evidence = self.evidence
        content["evidence"]["candidate"] = evidence.candidate.to_json()
        content["evidence"]["rivals"] = {
            name: score.to_json() for name, score in evidence.rivals.items()
        }
        if evidence.duel is not None:
            content["evidence"]["duel"]["score"] = evidence.duel.score.to_json()
        return content


def judge(evidence: Evidence, limits: Limits = LIMITS) -> Verdict:
    """Promote only what beats the best n-gram and the champion by more than luck, and is sound."""
    checks = (
        _better(f"the best {evidence.best_ngram}", evidence.against_ngram, limits),
        *_duels(evidence.duel, limits),
        _sound(evidence.selftest),
        Check(
            name="small enough",
            passed=evidence.megabytes <= limits.megabytes,
            required=f"a graph of at most {limits.megabytes:g} MB",
            found=f"{evidence.megabytes:.2f} MB",
        ),
        Check(
            name="quick enough",
            passed=evidence.milliseconds <= limits.milliseconds,
            required=f"a character within {limits.milliseconds:g} ms",
            found=f"{evidence.milliseconds:.3f} ms",
        ),
    )
    failed = [check for check in checks if not check.passed]
    return Verdict(
        promoted=not failed,
        sentence=_sentence(evidence, failed),
        checks=checks,
        limits=limits,
        evidence=evidence,
    )


def _better(whom: str, comparison: Comparison, limits: Limits) -> Check:
    return Check(
        name=f"better than {whom}",
        passed=comparison.p_better <= limits.significance,
        required=f"p <= {limits.significance:g} that it needs fewer bits, over blocks of the text",
        found=f"p = {comparison.p_better:.4f} for {comparison.difference:+.4f} bits a character "
        f"({comparison.low:+.4f} to {comparison.high:+.4f})",
    )


def _duels(duel: Duel | None, limits: Limits) -> tuple[Check, ...]:
    if duel is None:
        return ()
    return (_better(f"champion, version {duel.version}", duel.comparison, limits),)


def _sound(trial: SelfTest) -> Check:
    return Check(
        name="sound",
        passed=trial.passed,
        required="finite probabilities that sum to 1, the same twice; alone, in a batch and in "
        f"halves within {TOLERANCE:g}",
        found=f"finite: {trial.finite}, the same twice: {trial.repeats}, "
        f"batch {trial.batch_difference:.1g}, halves {trial.halves_difference:.1g}, "
        f"sum {trial.sum_difference:.1g}",
    )


def _sentence(evidence: Evidence, failed: list[Check]) -> str:
    score, rival = evidence.candidate, evidence.rivals[evidence.best_ngram]
    measured = (
        f"{score.bits_per_character:.3f} bits a character (perplexity {score.perplexity:.2f}) "
        f"against {rival.bits_per_character:.3f} of the best {evidence.best_ngram}, on the "
        f"{score.characters} characters of the test text"
    )
    if not failed:
        return f"Promoted: {measured}."
    reasons = "; ".join(
        f"not {check.name} (required {check.required}, found {check.found})" for check in failed
    )
    return f"Refused: {reasons}. Measured: {measured}."
