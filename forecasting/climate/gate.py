"""Decide whether a candidate has earned promotion: a pure rule over numbers, all kept."""

from dataclasses import asdict, dataclass
from typing import Any

from forecasting.climate.backtest import Scores, skill
from forecasting.climate.selftest import BATCH_TOLERANCE, SelfTest


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything the rule looks at; all scores on the same origins, which training never saw.

    `champion` is the champion's scores at the origins after its own `trained_through`,
    `against_champion` the candidate's at the same ones; both None without a champion.
    """

    candidate: Scores
    rivals: dict[str, Scores]
    selftest: SelfTest
    champion_version: int | None = None
    champion: Scores | None = None
    against_champion: Scores | None = None


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question of the gate: what was required, what was found."""

    name: str
    passed: bool
    required: str
    found: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The decision with every number it used."""

    promoted: bool
    sentence: str
    checks: tuple[Check, ...]
    evidence: Evidence

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON."""
        return asdict(self)


def judge(evidence: Evidence) -> Verdict:
    """Promote only what is better than every simple rival and than the champion, and sound."""
    checks = (
        *(_better_than(name, evidence.candidate, rival) for name, rival in evidence.rivals.items()),
        *_champion(evidence),
        *_sound(evidence.selftest),
    )
    failed = [check for check in checks if not check.passed]
    return Verdict(
        promoted=not failed,
        sentence=_sentence(evidence, failed),
        checks=checks,
        evidence=evidence,
    )


def best_rival(evidence: Evidence) -> tuple[str, Scores]:
    """Return the simple rival with the least mean error."""
    return min(evidence.rivals.items(), key=lambda rival: rival[1].mean_mae)


def _better_than(name: str, candidate: Scores, other: Scores) -> Check:
    """Require a strictly smaller mean error; an equal one, or NaN, is no reason to change."""
    return Check(
        name=f"better than {name}",
        passed=candidate.mean_mae < other.mean_mae,
        required=f"mean MAE below {other.mean_mae:.4f}",
        found=f"{candidate.mean_mae:.4f}",
    )


def _champion(evidence: Evidence) -> tuple[Check, ...]:
    """Compare with the champion where both are unseen; without such rows, refuse."""
    if evidence.champion_version is None:
        return ()
    name = f"champion, version {evidence.champion_version}"
    if evidence.champion is None or evidence.against_champion is None:
        return (
            Check(
                name=f"better than {name}",
                passed=False,
                required="rows that neither was trained on",
                found="none: the champion was trained on rows of this gate block or after it",
            ),
        )
    return (_better_than(name, evidence.against_champion, evidence.champion),)


def _sound(selftest: SelfTest) -> tuple[Check, ...]:
    difference = selftest.batch_difference
    return (
        Check(
            name="finite and ordered",
            passed=selftest.finite and selftest.ordered,
            required="every quantile finite, none crossing",
            found=f"finite: {selftest.finite}, ordered: {selftest.ordered}",
        ),
        Check(
            name="deterministic",
            passed=selftest.repeats,
            required="two equal calls give equal bits",
            found="equal" if selftest.repeats else "different",
        ),
        Check(
            name="free of its batch",
            passed=difference <= BATCH_TOLERANCE,
            required=f"batch 1 and 7 within {BATCH_TOLERANCE:g}",
            found=f"{difference:.2g}",
        ),
        Check(
            name="no leak from the future",
            passed=not selftest.leaks,
            required="rows after an origin change nothing at it",
            found="; ".join(selftest.leaks) or "nothing changed",
        ),
    )


def _sentence(evidence: Evidence, failed: list[Check]) -> str:
    name, rival = best_rival(evidence)
    gain = 100 * skill(evidence.candidate, rival)
    measured = (
        f"mean MAE {evidence.candidate.mean_mae:.3f} against {rival.mean_mae:.3f} of {name}, "
        f"the best simple rival ({gain:+.1f} % skill), at {evidence.candidate.origins} origins "
        "never trained on"
    )
    if not failed:
        return f"Promoted: {measured}."
    reasons = "; ".join(
        f"not {check.name} (required {check.required}, found {check.found})" for check in failed
    )
    return f"Refused: {reasons}. Measured: {measured}."
