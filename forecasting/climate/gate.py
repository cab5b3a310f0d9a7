"""Decide whether a candidate has earned promotion: a pure rule over numbers, all kept."""

from dataclasses import asdict, dataclass
from typing import Any

from forecasting.climate.backtest import skill
from forecasting.climate.checks import (
    Check,
    Limits,
    affordable,
    against_champion,
    against_rivals,
    calibrated,
    sound,
)
from forecasting.climate.evidence import Evidence

#: The thresholds that every station is judged by.
LIMITS = Limits()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The decision with every number, every test and every threshold it used.

    `skill_horizon` is the last lead up to which the candidate beats climatology and damped
    persistence.
    """

    promoted: bool
    sentence: str
    skill_horizon: int
    checks: tuple[Check, ...]
    limits: Limits
    evidence: Evidence

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON."""
        return asdict(self)


def judge(evidence: Evidence, limits: Limits = LIMITS) -> Verdict:
    """Promote only what is better than the simple rivals and than the champion, and sound."""
    checks = (
        *against_rivals(evidence, limits),
        *against_champion(evidence, limits),
        *calibrated(evidence.candidate, limits),
        *sound(evidence.selftest, limits),
        *affordable(evidence.cost, limits),
    )
    failed = [check for check in checks if not check.passed]
    return Verdict(
        promoted=not failed,
        sentence=_sentence(evidence, failed),
        skill_horizon=evidence.skill_horizon,
        checks=checks,
        limits=limits,
        evidence=evidence,
    )


def _sentence(evidence: Evidence, failed: list[Check]) -> str:
    name, rival = evidence.best_rival
    gain = 100 * skill(evidence.candidate, rival)
    measured = (
        f"mean MAE {evidence.candidate.mean_mae:.3f} against {rival.mean_mae:.3f} of {name}, "
        f"the best simple rival ({gain:+.1f} % skill), at {evidence.candidate.origins} origins "
        f"never trained on; useful up to lead {evidence.skill_horizon}"
    )
    if not failed:
        return f"Promoted: {measured}."
    reasons = "; ".join(
        f"not {check.name} (required {check.required}, found {check.found})" for check in failed
    )
    return f"Refused: {reasons}. Measured: {measured}."
