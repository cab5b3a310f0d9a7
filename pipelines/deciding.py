"""What came of a candidate, in values: whether it is registered, and how a decision is worded."""

import getpass
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mlflow import MlflowClient

from forecasting.climate.gate import Verdict
from forecasting.climate.refit import RefitVerdict
from forecasting.settings import Settings
from forecasting.stores.decisions import DecisionEntry
from forecasting.stores.fencing import Fence
from forecasting.stores.registry.aliases import (
    CHALLENGER,
    Move,
    alias_of,
    previous_champion,
    promotion_lock,
    set_challenger,
)
from forecasting.stores.registry.versions import resolve
from pipelines.outcomes import (
    PROPOSED,
    REVIEW,
    WENT_BACK,
    outcome_of,
    proposal,
    require_not_rejected,
)

#: How often a candidate is judged anew because another one was promoted meanwhile.
ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What came of a candidate. `version` is None where it was only logged.

    `judged_against` is the champion of the judgement. `proposed` says that the gate let it through
    and a person has yet to agree. `refit` is what came of training it on all rows, where that was
    asked for.
    """

    model: str
    version: int | None
    promoted: bool
    verdict: Verdict
    refit: RefitVerdict | None = None
    judged_against: int | None = None
    proposed: bool = False

    @property
    def outcome(self) -> str:
        """One word for it: promoted, proposed or refused."""
        return outcome_of(promoted=self.promoted, proposed=self.proposed)


def wanted(verdict: Verdict) -> bool:
    """Say whether a candidate is registered: promoted, or a sound challenger worth a look."""
    if verdict.promoted:
        return True
    duel = verdict.evidence.duel
    against_champion = [check for check in verdict.checks if "champion" in check.name]
    others = [check for check in verdict.checks if "champion" not in check.name]
    equal = duel is not None and duel.champion == duel.candidate
    return bool(against_champion) and all(check.passed for check in others) and not equal


#: Words a decision as its log is to have it.
Draft = Callable[[Decision], DecisionEntry]


def drafted(move: Move, verdict: Verdict, refit: RefitVerdict | None, draft: Draft | None) -> Move:
    """Return the move with the line that the log of decisions is to have of it."""
    if draft is None:
        return move
    return replace(move, entry=draft(settled(move, verdict, refit, promoted=True)))


def settled(
    move: Move, verdict: Verdict, refit: RefitVerdict | None = None, *, promoted: bool
) -> Decision:
    """Return the decision on a version that passed the gate: promoted, or else proposed."""
    if not promoted:
        sentence = proposal(verdict.sentence, f"{move.model}/{move.version}")
        verdict = replace(verdict, sentence=sentence)
    return Decision(
        model=move.model,
        version=move.version,
        promoted=promoted,
        verdict=verdict,
        refit=refit,
        judged_against=move.judged_against,
        proposed=not promoted,
    )


def why_of(verdict: Verdict, refit: RefitVerdict | None) -> str:
    """Say why a version is promoted: the verdict, and that on its refit where there is one."""
    return verdict.sentence if refit is None else f"{verdict.sentence} {refit.sentence}"


def outrun(verdict: Verdict) -> Verdict:
    """Refuse a candidate that passed the gate each time, but never before the champion moved."""
    sentence = (
        f"Refused: the champion moved in each of {ATTEMPTS} attempts to promote. "
        f"At the last judgement: {verdict.sentence}"
    )
    return replace(verdict, promoted=False, sentence=sentence)


def challenge(
    client: MlflowClient, settings: Settings, model: str, version: int, fence: Fence | None
) -> None:
    """Make a refused version the challenger, unless the present one waits for a person's word.

    Raises:
        Fenced: a later retraining has begun.
    """
    with promotion_lock(settings, model) as held:
        if fence is not None:
            fence.require_newest(settings.root)
        present = alias_of(client, model, CHALLENGER)
        if present is None or not _waits(client, model, present):
            held.require()
            set_challenger(client, model, version)


def _waits(client: MlflowClient, model: str, version: int) -> bool:
    return resolve(client, f"{model}/{version}").tags.get(REVIEW) == PROPOSED


def way_back(client: MlflowClient, model: str, why: str, who: str | None) -> Move:
    """Return the move that makes the champion before champion again, with its line of the log.

    Args:
        client: the open store.
        model: the registered model, of either tenant.
        why: the reason.
        who: who goes back; the system's user when None.

    Raises:
        NoChampion: there is no champion, or none before it.
        IsRejected: a reviewer has turned down the one before it.
    """
    champion, previous = previous_champion(client, model)
    version, who = resolve(client, f"{model}/{previous}"), who or getpass.getuser()
    require_not_rejected(version)
    entry = DecisionEntry(
        model=model,
        version=previous,
        run_id=version.run_id,
        promoted=True,
        sentence=why,
        who=who,
        judged_against=champion,
        outcome=WENT_BACK,
    )
    return Move(
        model=model, version=previous, judged_against=champion, who=who, why=why, entry=entry
    )


def unrejected(
    client: MlflowClient, move: Move, check: Callable[[Path], None]
) -> Callable[[Path], None]:
    """Return a check that also asks, under the lock, whether a rejection came in between."""

    def checked(files: Path) -> None:
        require_not_rejected(resolve(client, f"{move.model}/{move.version}"))
        check(files)

    return checked
