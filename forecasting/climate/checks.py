"""Ask the gate's questions one by one: what is required, what was found, and whether it will do."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from forecasting.climate.backtest import Scores
from forecasting.climate.evidence import Cost, Duel, Evidence
from forecasting.climate.selftest import BATCH_TOLERANCE, SelfTest

#: The rivals that a candidate must beat by more than luck. The others it may not lose to.
MUST_BEAT = ("persistence", "climatology")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Every threshold of the gate.

    Args:
        significance: largest one-sided p-value at which "better" is believed.
        margin: how much larger than a rival's an error may be and still be called no worse, as a
            share: at a lead where neither has skill over the other, chance alone moves it so far.
        band_80: how far the 80 % interval's coverage, averaged over leads, may be from 0.8.
        band_95: the same for the 95 % interval. Forecasts that are calibrated exactly, judged
            at 180 origins whose errors overlap over 7 leads, stray by a standard deviation of
            3.6 and 1.9 points (docs/measurements.md): the bands reach about three of
            them to each side, so chance alone refuses fewer than one in a hundred.
        tie: how much larger a candidate's mean error may be than the champion's to be called
            equal, as a share.
        rounding: how much smaller a candidate's mean error must be than the champion's, as a
            share, to be smaller and not the same one rounded otherwise.
        newer_days: how many days later an equal candidate's last row must be. So a series of
            ties can lose no more than one `tie` in so many days.
        megabytes: largest graph.
        milliseconds: largest median time of a single forecast, on one thread.
        batch: largest difference of a forecast alone and in a batch, in the target's unit.
    """

    significance: float = 0.05
    margin: float = 0.02
    band_80: float = 0.10
    band_95: float = 0.06
    tie: float = 0.005
    rounding: float = 1e-5
    newer_days: int = 28
    megabytes: float = 50.0
    milliseconds: float = 50.0
    batch: float = BATCH_TOLERANCE


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question of the gate: what was required, what was found."""

    name: str
    passed: bool
    required: str
    found: str


def against_rivals(evidence: Evidence, limits: Limits) -> Iterator[Check]:
    """Ask for significance and for every lead against two rivals, for the mean against the rest."""
    for name in MUST_BEAT:
        yield _significantly_better(name, evidence, limits)
        yield _nowhere_worse(name, evidence, limits)
    for name, rival in evidence.rivals.items():
        if name not in MUST_BEAT:
            yield _not_worse(name, evidence.candidate, rival, limits)


def _significantly_better(name: str, evidence: Evidence, limits: Limits) -> Check:
    """Require average superior predictive ability; the leads' own tests stand beside it."""
    check = f"significantly better than {name}"
    required = f"p <= {limits.significance:g} that the mean loss over the horizon is smaller"
    comparison = evidence.comparisons.get(name)
    if comparison is None:
        return Check(name=check, passed=False, required=required, found="no comparison")
    over = comparison.over_horizon
    leads = [
        lead
        for lead, p_value in enumerate(comparison.by_lead.holm_by_lead, start=1)
        if p_value <= limits.significance
    ]
    return Check(
        name=check,
        passed=over.p_better <= limits.significance,
        required=required,
        found=f"p = {over.p_better:.3f} for {over.mean_difference:+.4f} in the mean; lead by lead "
        f"(Diebold-Mariano, Holm) {_spoken(leads)}",
    )


def _spoken(leads: list[int]) -> str:
    return f"at {', '.join(map(str, leads))}" if leads else "at none"


def _nowhere_worse(name: str, evidence: Evidence, limits: Limits) -> Check:
    """Require non-inferiority at every lead; an error that is NaN is larger than any."""
    check = f"as good as {name} at every lead"
    required = f"MAE at most {limits.margin:.0%} over that of {name} at each lead"
    rival = evidence.rivals.get(name)
    if rival is None:
        return Check(name=check, passed=False, required=required, found="no such rival")
    pairs = zip(evidence.candidate.mae_by_lead, rival.mae_by_lead, strict=True)
    worse = [
        f"lead {lead}: {ours:.4f} against {theirs:.4f}"
        for lead, (ours, theirs) in enumerate(pairs, start=1)
        if not ours <= theirs * (1 + limits.margin)
    ]
    return Check(
        name=check, passed=not worse, required=required, found="; ".join(worse) or "so it is"
    )


def _not_worse(name: str, candidate: Scores, rival: Scores, limits: Limits) -> Check:
    """Require non-inferiority: the mean error within a margin of the rival's."""
    most = rival.mean_mae * (1 + limits.margin)
    return Check(
        name=f"as good as {name} in the mean",
        passed=candidate.mean_mae <= most,
        required=f"mean MAE at most {most:.4f}, {limits.margin:.0%} over {rival.mean_mae:.4f}",
        found=f"{candidate.mean_mae:.4f}",
    )


def against_champion(evidence: Evidence, limits: Limits) -> Iterator[Check]:
    """Compare with the champion where both are unseen; without such rows, refuse."""
    if evidence.champion_version is None:
        return
    name = f"better than champion, version {evidence.champion_version}"
    if evidence.duel is None:
        yield Check(
            name=name,
            passed=False,
            required="rows that neither was trained on",
            found="none: the champion was trained on rows of this gate block or after it",
        )
        return
    yield _duel(name, evidence.duel, limits)


def _duel(name: str, duel: Duel, limits: Limits) -> Check:
    """Require a smaller mean error, or an equal one of a newer candidate.

    A champion whose error is not finite is beaten by any candidate whose error is.
    """
    ours, theirs = duel.candidate.mean_mae, duel.champion.mean_mae
    most = theirs * (1 + limits.tie)
    tied = ours <= most and duel.newer_by_days >= limits.newer_days
    lost = bool(np.isfinite(ours)) and not np.isfinite(theirs)
    p_value = duel.comparison.over_horizon.p_better
    asked = "" if duel.stand_in is None else f"; version {duel.stand_in} stood in for it"
    return Check(
        name=name,
        passed=ours < theirs * (1 - limits.rounding) or tied or lost,
        required=f"mean MAE below {theirs:.4f}, or at most {most:.4f} where its last row is "
        f"{limits.newer_days} days later",
        found=f"{ours:.4f} (p = {p_value:.3f}), {duel.newer_by_days} days later{asked}",
    )


def calibrated(candidate: Scores, limits: Limits) -> Iterator[Check]:
    """Ask whether the intervals hold what they say, averaged over leads."""
    yield _covered(80, candidate.coverage_80_by_lead, limits.band_80)
    yield _covered(95, candidate.coverage_95_by_lead, limits.band_95)


def _covered(percent: int, by_lead: tuple[float, ...] | None, band: float) -> Check:
    found = np.nan if by_lead is None else float(np.mean(by_lead))
    low, high = percent / 100 - band, min(percent / 100 + band, 1.0)
    return Check(
        name=f"honest with its {percent} % interval",
        passed=low <= found <= high,
        required=f"{low:.0%} to {high:.0%} of the targets inside, averaged over leads",
        found="no such interval" if by_lead is None else f"{found:.1%}",
    )


def sound(selftest: SelfTest, limits: Limits) -> Iterator[Check]:
    """Ask what no error can answer: finite, ordered, repeatable, free of its batch, no leak."""
    yield Check(
        name="finite and ordered",
        passed=selftest.finite and selftest.ordered,
        required="every quantile finite, none crossing",
        found=f"finite: {selftest.finite}, ordered: {selftest.ordered}",
    )
    yield Check(
        name="deterministic",
        passed=selftest.repeats,
        required="two equal calls give equal bits",
        found="equal" if selftest.repeats else "different",
    )
    yield Check(
        name="free of its batch",
        passed=selftest.batch_difference <= limits.batch,
        required=f"batch 1 and 7 within {limits.batch:g}",
        found=f"{selftest.batch_difference:.2g}",
    )
    yield Check(
        name="no leak from the future",
        passed=not selftest.leaks,
        required="rows after an origin change nothing at it",
        found="; ".join(selftest.leaks) or "nothing changed",
    )


def affordable(cost: Cost, limits: Limits) -> Iterator[Check]:
    """Ask whether it is small and quick enough to be served."""
    yield Check(
        name="small enough",
        passed=cost.megabytes <= limits.megabytes,
        required=f"a graph of at most {limits.megabytes:g} MB",
        found=f"{cost.megabytes:.2f} MB",
    )
    yield Check(
        name="quick enough",
        passed=cost.milliseconds <= limits.milliseconds,
        required=f"a single forecast within {limits.milliseconds:g} ms",
        found=f"{cost.milliseconds:.2f} ms",
    )
