"""The end of a retraining: register by a stated rule, promote under the lock, log the decision.

A candidate that passes the gate is registered and becomes `champion`. A refused one that fails
against the champion only is registered, unless it is the champion's equal, and becomes
`challenger`, for a reviewer to look at, unless another one waits there for a person's approval.
Every other candidate is only logged with its run. Where an accepted refit takes a candidate's
place, both are registered: what was judged, and then what is promoted.
"""

import getpass
from dataclasses import replace
from pathlib import Path

from mlflow import MlflowClient

from data_checks.admissions import load_admitted
from forecasting.climate.gate import Verdict
from forecasting.climate.recipe import recipe_of
from forecasting.climate.refit import RefitVerdict
from forecasting.settings import Settings
from forecasting.stores.fencing import Fence
from forecasting.stores.published import GRAPH, WEIGHTS, ModelCard, Pointer
from forecasting.stores.registry.aliases import ChampionMoved, Move, promote
from forecasting.stores.registry.proposals import settle
from forecasting.stores.registry.versions import (
    Version,
    connect,
    register,
    resolve,
)
from pipelines.deciding import (
    ATTEMPTS,
    Decision,
    Draft,
    challenge,
    drafted,
    outrun,
    settled,
    unrejected,
    wanted,
    way_back,
    why_of,
)
from pipelines.describing import registration_of, verdict_tags, with_refit
from pipelines.inputs import climate_inputs, log_inputs
from pipelines.judging import Judgement, judge_against_champion, trial_of
from pipelines.outcomes import (
    outcome_tags,
    restate,
    set_version_tags,
    tag_fence,
)
from pipelines.provenance import flat, read_environment
from pipelines.refitting import promoted_files, read_refit
from pipelines.soundness import smoke_test
from pipelines.workspace import Plan, read_plan


def publish_candidate(
    settings: Settings,
    folder: Path,
    judgement: Judgement,
    parent: str,
    fence: Fence | None = None,
) -> int | None:
    """Register the chosen candidate where the rule says so; returns its version or None.

    With an accepted refit, the version is that of the refit.
    """
    if not wanted(judgement.verdict):
        return None
    plan, refit = read_plan(folder), read_refit(folder)
    log_inputs(connect(settings), parent, climate_inputs(folder, plan, judgement.cell))
    card = card_of(settings, plan, judgement, parent)
    judged = _register(settings, folder / judgement.cell, plan, judgement, card, refit)
    tag_fence(connect(settings), plan.model, judged, fence)
    if refit is None or not refit.accepted:
        return judged
    series = load_admitted(settings.root, plan.data_sha256)
    card = replace(
        card,
        refit=True,
        judged_version=judged,
        trained_through=series.end.date().isoformat(),
    )
    files = promoted_files(folder, judgement)
    version = _register(settings, files, plan, judgement, card, refit)
    tag_fence(connect(settings), plan.model, version, fence)
    return version


def _register(
    settings: Settings,
    files: Path,
    plan: Plan,
    judgement: Judgement,
    card: ModelCard,
    refit: RefitVerdict | None,
) -> int:
    registration = registration_of(settings, plan, judgement, card)
    tags = registration.tags | flat(read_environment(files))
    registration = replace(registration, tags=tags)
    return register(
        connect(settings),
        graph=files / GRAPH,
        weights=files / WEIGHTS,
        card=card,
        registration=registration if refit is None else with_refit(registration, card, refit),
    )


def card_of(settings: Settings, plan: Plan, judgement: Judgement, run_id: str) -> ModelCard:
    """Return the card of the chosen candidate."""
    trial = trial_of(settings, plan)
    series = trial.series
    return ModelCard(
        model=plan.model,
        station=plan.station,
        target=series.target,
        unit=series.variables[series.target_column].unit,
        variables=series.names,
        history=plan.window.history,
        horizon=plan.window.horizon,
        levels=trial.levels,
        step_seconds=int(series.step.total_seconds()),
        cell=judgement.cell,
        members=recipe_of(plan.preset).members,
        parameters=judgement.parameters,
        trained_through=trial.trained_through,
        data_sha256=plan.data_sha256,
        run_id=run_id,
        skill_horizon=judgement.verdict.skill_horizon,
    )


def decide(
    settings: Settings,
    folder: Path,
    judgement: Judgement,
    version: int | None,
    fence: Fence | None = None,
    draft: Draft | None = None,
) -> Decision:
    """Promote or propose a registered candidate, judged anew where the champion moved meanwhile.

    Args:
        settings: where things are kept.
        folder: the workspace.
        judgement: what the gate said of the candidate.
        version: the registered version, or None.
        fence: the retraining's own number.
        draft: words a promotion for the log of decisions, which has it as soon as it is done.

    Raises:
        Fenced: a later retraining of the station has begun.
    """
    decision = _decided(settings, folder, judgement, version, fence, draft)
    first, final = judgement.verdict.sentence, decision.verdict.sentence
    restate(connect(settings), decision.model, decision.version, first, final)
    return decision


def _decided(
    settings: Settings,
    folder: Path,
    judgement: Judgement,
    version: int | None,
    fence: Fence | None,
    draft: Draft | None,
) -> Decision:
    plan, refit = read_plan(folder), read_refit(folder)
    if version is None:
        return Decision(model=plan.model, version=None, promoted=False, verdict=judgement.verdict)
    champion, verdict = judgement.champion, judgement.verdict
    client = connect(settings)
    for _ in range(ATTEMPTS):
        if not verdict.promoted:
            break
        try:
            move = replace(
                _move(plan.model, version, champion, why_of(verdict, refit)), fence=fence
            )
            move = drafted(move, verdict, refit, draft)
            promoted = settle(client, settings, move, smoke_test)
        except ChampionMoved:
            graph = folder / judgement.cell / GRAPH
            champion, verdict = judge_against_champion(
                settings, trial_of(settings, plan), plan.model, graph, itself=version
            )
        else:
            return settled(move, verdict, refit, promoted=promoted)
    if verdict.promoted:
        verdict = outrun(verdict)
    version = _judged(client, plan.model, version)
    challenge(client, settings, plan.model, version, fence)
    return Decision(
        model=plan.model,
        version=version,
        promoted=False,
        verdict=verdict,
        refit=refit,
        judged_against=champion,
    )


def _judged(client: MlflowClient, model: str, version: int) -> int:
    """Return the version that was judged: the gate can be run on it again, on a refit never."""
    tags = resolve(client, f"{model}/{version}").tags
    return int(tags.get("judged_version", version))


def roll_back(settings: Settings, model: str, why: str, who: str | None = None) -> Pointer:
    """Make the previous champion the champion again, with the checks of a promotion.

    The log names `who`, else the system's user.

    Raises:
        NoChampion: there is no champion, or none before it.
        IsRejected: a reviewer has turned down the one before it.
        ManifestMismatch: the previous champion's files are not whole.
        ModelOutputInvalid: it failed its smoke test.
    """
    client = connect(settings)
    move = way_back(client, model, why, who)
    return promote(client, settings, move, unrejected(client, move, smoke_test))


def promote_version(
    settings: Settings, version: Version, verdict: Verdict, champion: int | None, draft: Draft
) -> Decision:
    """Promote or propose a registered version that has passed the whole gate again.

    Raises:
        ChampionMoved: another version was promoted since the judgement.
        ManifestMismatch, ModelOutputInvalid: the version's files will not do.
    """
    move = _move(version.model, version.version, champion, verdict.sentence)
    move = drafted(move, verdict, None, draft)
    promoted = settle(connect(settings), settings, move, smoke_test)
    return settled(move, verdict, promoted=promoted)


def _move(model: str, version: int, champion: int | None, why: str) -> Move:
    return Move(
        model=model, version=version, judged_against=champion, who=getpass.getuser(), why=why
    )


def tag_decision(client: MlflowClient, decision: Decision) -> None:
    """Write the final decision on the version, where there is one."""
    if decision.version is None:
        return
    tags = verdict_tags(decision.verdict) | outcome_tags(decision.outcome, decision.judged_against)
    set_version_tags(client, decision.model, decision.version, tags)
