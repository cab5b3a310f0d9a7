"""Leave each decision with its evidence in the home folder, where the API reads it."""

import getpass
from dataclasses import asdict
from pathlib import Path
from typing import Any

from forecasting.climate.backtest import Scores
from forecasting.settings import Settings
from forecasting.stores.decisions import DecisionEntry, LeadScores, append_decision
from forecasting.stores.published import ModelCard
from pipelines.deciding import Decision, Draft
from pipelines.judging import Judgement
from pipelines.recording import finite
from pipelines.workspace import read_plan


def judged_as(folder: Path, judgement: Judgement) -> dict[str, Any]:
    """Return what a retraining's decision is about, by the names of a decision's entry."""
    plan = read_plan(folder)
    return {
        "preset": plan.preset,
        "cell": judgement.cell,
        "data_sha256": plan.data_sha256,
        "judged_against": judgement.champion,
    }


def carded_as(card: ModelCard, champion: int | None) -> dict[str, Any]:
    """Return the same for a registered version that was judged again."""
    return {
        "cell": card.cell,
        "data_sha256": card.data_sha256,
        "trained_through": card.trained_through,
        "judged_against": champion,
    }


def keep(settings: Settings, decision: Decision, run_id: str, about: dict[str, Any]) -> None:
    """Append a climate decision to its log; a promotion's line is there since its alias moved.

    Args:
        settings: where things are kept.
        decision: what was decided.
        run_id: the MLflow run of the candidate.
        about: what `judged_as` or `carded_as` say of it.
    """
    if not decision.promoted:
        append_decision(settings.root, entry_of(decision, run_id, about), settings.lock_address)


def drafting(run_id: str, about: dict[str, Any]) -> Draft:
    """Return what words a decision of one run as `entry_of` does."""
    return lambda decision: entry_of(decision, run_id, about)


def entry_of(decision: Decision, run_id: str, about: dict[str, Any]) -> DecisionEntry:
    """Word a climate decision, with the errors by lead of the candidate and of every rival.

    Args:
        decision: what was decided.
        run_id: the MLflow run of the candidate.
        about: what `judged_as` or `carded_as` say of it.
    """
    verdict, refit = decision.verdict, decision.refit
    evidence = verdict.evidence
    sentence = verdict.sentence if refit is None else f"{verdict.sentence} {refit.sentence}"
    return DecisionEntry(
        model=decision.model,
        version=decision.version,
        run_id=run_id,
        promoted=decision.promoted,
        outcome=decision.outcome,
        sentence=sentence,
        who=getpass.getuser(),
        skill_horizon=verdict.skill_horizon,
        origins=evidence.candidate.origins,
        candidate=lead_scores(evidence.candidate),
        rivals={name: lead_scores(scores) for name, scores in evidence.rivals.items()},
        seasons={name: lead_scores(scores) for name, scores in evidence.seasons.items()},
        **about,
    )


def lead_scores(scores: Scores) -> LeadScores:
    """Return the part of the scores that is shown; what is not finite becomes None."""
    known = finite(asdict(scores))
    shown = {name: known[name] for name in LeadScores.__dataclass_fields__}
    columns = {name: tuple(each) for name, each in shown.items() if isinstance(each, list)}
    return LeadScores(**(shown | columns))
