"""The end of a retraining: register by a stated rule, promote under the lock, log the decision.

A candidate that passes the gate is registered and becomes `champion`. A refused one that fails
against the champion only is registered as `challenger`, for a reviewer to look at, unless it is
the champion's equal. Every other candidate is only logged with its run. Where an accepted refit
takes a candidate's place, both are registered: what was judged, and then what is promoted.
"""

import getpass
from dataclasses import dataclass, replace
from pathlib import Path

from mlflow import MlflowClient

from data_checks.admissions import load_admitted
from forecasting.climate.gate import Verdict
from forecasting.climate.recipe import recipe_of
from forecasting.climate.refit import RefitVerdict
from forecasting.settings import Settings
from forecasting.stores.fencing import Fence
from forecasting.stores.published import GRAPH, WEIGHTS, ModelCard, Pointer
from forecasting.stores.registry.aliases import (
    ChampionMoved,
    Move,
    previous_champion,
    promote,
    set_challenger,
)
from forecasting.stores.registry.proposals import settle
from forecasting.stores.registry.versions import (
    Version,
    connect,
    register,
    resolve,
)
from pipelines.describing import registration_of, verdict_tags, with_refit
from pipelines.inputs import climate_inputs, log_inputs
from pipelines.judging import Judgement, judge_against_champion, trial_of
from pipelines.outcomes import (
    outcome_of,
    outcome_tags,
    proposal,
    restate,
    set_version_tags,
    tag_fence,
)
from pipelines.provenance import flat, read_environment
from pipelines.refitting import promoted_files, read_refit
from pipelines.soundness import smoke_test
from pipelines.workspace import Plan, read_plan

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
) -> Decision:
    """Promote or propose a registered candidate, judged anew where the champion moved meanwhile.

    Raises:
        Fenced: a later retraining of the station has begun.
    """
    decision = _decided(settings, folder, judgement, version, fence)
    first, final = judgement.verdict.sentence, decision.verdict.sentence
    restate(connect(settings), decision.model, decision.version, first, final)
    return decision


def _decided(
    settings: Settings, folder: Path, judgement: Judgement, version: int | None, fence: Fence | None
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
            move = replace(_move(plan.model, version, champion, _why(verdict, refit)), fence=fence)
            promoted = settle(client, settings, move, smoke_test)
        except ChampionMoved:
            graph = folder / judgement.cell / GRAPH
            champion, verdict = judge_against_champion(
                settings, trial_of(settings, plan), plan.model, graph, itself=version
            )
        else:
            return settled(move, verdict, refit, promoted=promoted)
    if verdict.promoted:
        verdict = _outrun(verdict)
    version = _judged(client, plan.model, version)
    if fence is not None:
        fence.require_newest(settings.root)
    set_challenger(client, plan.model, version)
    return Decision(
        model=plan.model,
        version=version,
        promoted=False,
        verdict=verdict,
        refit=refit,
        judged_against=champion,
    )


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


def _why(verdict: Verdict, refit: RefitVerdict | None) -> str:
    return verdict.sentence if refit is None else f"{verdict.sentence} {refit.sentence}"


def _judged(client: MlflowClient, model: str, version: int) -> int:
    """Return the version that was judged: the gate can be run on it again, on a refit never."""
    tags = resolve(client, f"{model}/{version}").tags
    return int(tags.get("judged_version", version))


def _outrun(verdict: Verdict) -> Verdict:
    """Refuse a candidate that passed the gate each time, but never before the champion moved."""
    sentence = (
        f"Refused: the champion moved in each of {ATTEMPTS} attempts to promote. "
        f"At the last judgement: {verdict.sentence}"
    )
    return replace(verdict, promoted=False, sentence=sentence)


def roll_back(settings: Settings, model: str, why: str, who: str | None = None) -> Pointer:
    """Make the previous champion the champion again, with the checks of a promotion.

    The log names `who`, else the system's user.

    Raises:
        NoChampion: there is no champion, or none before it.
        ManifestMismatch: the previous champion's files are not whole.
        ModelOutputInvalid: it failed its smoke test.
    """
    client = connect(settings)
    champion, previous = previous_champion(client, model)
    move = _move(model, previous, champion, why)
    return promote(client, settings, replace(move, who=who or move.who), smoke_test)


def promote_version(
    settings: Settings, version: Version, verdict: Verdict, champion: int | None
) -> Decision:
    """Promote or propose a registered version that has passed the whole gate again.

    Raises:
        ChampionMoved: another version was promoted since the judgement.
        ManifestMismatch, ModelOutputInvalid: the version's files will not do.
    """
    move = _move(version.model, version.version, champion, verdict.sentence)
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
