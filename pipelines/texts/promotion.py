"""Register a language model by a stated rule, and promote it under the lock.

One that passes the gate is registered and becomes `champion`. A refused one that fails against
the champion only is registered, and becomes `challenger` unless another one waits there for a
person's approval. Every other is only logged with its run.
"""

import getpass
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from mlflow import MlflowClient

from forecasting.errors import ModelOutputInvalid
from forecasting.language.gate import Verdict, judge
from forecasting.language.reading import TextGraph
from forecasting.language.selftest import selftest
from forecasting.language.vocabulary import VOCABULARY, read_vocabulary
from forecasting.settings import Settings
from forecasting.stores.fencing import Fence
from forecasting.stores.published import GRAPH, WEIGHTS, Pointer, TextCard, read_text_card
from forecasting.stores.registry.aliases import ChampionMoved, Move, promote
from forecasting.stores.registry.proposals import settle
from forecasting.stores.registry.versions import connect, register
from pipelines.deciding import challenge, unrejected, way_back
from pipelines.inputs import inputs_of, log_inputs
from pipelines.outcomes import (
    REFUSED,
    outcome_of,
    outcome_tags,
    proposal,
    restate,
    set_version_tags,
    tag_fence,
)
from pipelines.provenance import flat, read_environment
from pipelines.texts.describing import text_registration, verdict_tags
from pipelines.texts.judgement import TextJudgement
from pipelines.texts.judging import MODEL
from pipelines.texts.workspace import read_text_plan


@dataclass(frozen=True, kw_only=True)
class TextDecision:
    """What came of a model. `version` is None where it was only logged."""

    model: str
    version: int | None
    promoted: bool
    verdict: Verdict
    judged_against: int | None = None
    proposed: bool = False

    @property
    def outcome(self) -> str:
        """One word for it: promoted, proposed or refused."""
        return outcome_of(promoted=self.promoted, proposed=self.proposed)


def wanted(verdict: Verdict) -> bool:
    """Say whether a model is registered: promoted, or refused for the champion's sake alone."""
    failed = [check for check in verdict.checks if not check.passed]
    return all("champion" in check.name for check in failed)


def publish_text(
    settings: Settings,
    folder: Path,
    judgement: TextJudgement,
    run_id: str,
    fence: Fence | None = None,
) -> int | None:
    """Register a judged model where the rule says so; returns its version or None."""
    if not wanted(judgement.verdict):
        return None
    plan = read_text_plan(folder)
    trained = folder / plan.members[0]
    log_inputs(connect(settings), run_id, inputs_of(plan, plan.recipe, trained))
    corpus = plan.text(settings.root)
    registration = text_registration(plan, corpus, judgement)
    tags = registration.tags | flat(read_environment(trained))
    card = TextCard(
        model=plan.model,
        corpus=plan.corpus,
        preparation=corpus.preparation,
        symbols=len(corpus.vocabulary),
        state=judgement.state,
        cell=plan.recipe.member.model.cell,
        members=plan.recipe.members,
        parameters=judgement.parameters,
        vocabulary_sha256=corpus.vocabulary.sha256,
        data_sha256=plan.data_sha256,
        test_bits_per_character=round(judgement.parts["test"].bits_per_character, 4),
        run_id=run_id,
    )
    version = register(
        connect(settings),
        graph=folder / MODEL / GRAPH,
        weights=folder / MODEL / WEIGHTS,
        card=card,
        registration=replace(registration, tags=tags),
        beside=[folder / MODEL / VOCABULARY],
    )
    tag_fence(connect(settings), plan.model, version, fence)
    return version


def decide_text(
    settings: Settings,
    folder: Path,
    judgement: TextJudgement,
    version: int | None,
    fence: Fence | None = None,
) -> TextDecision:
    """Promote or propose a model that has passed the gate; tag it with what came of it."""
    plan, verdict = read_text_plan(folder), judgement.verdict
    if version is None:
        return TextDecision(model=plan.model, version=None, promoted=False, verdict=verdict)
    client = connect(settings)
    move = move_of(plan.model, version, judgement.champion, verdict.sentence)
    move = replace(move, fence=fence)
    try:
        decision = settle_text(client, settings, move, verdict)
    except ChampionMoved as error:
        decision = _settled(move, _outrun(verdict, error), promoted=False)
    if decision.outcome == REFUSED:
        challenge(client, settings, plan.model, version, fence)
    restate(client, plan.model, version, verdict.sentence, decision.verdict.sentence)
    tag_text_decision(client, decision)
    return decision


def settle_text(
    client: MlflowClient, settings: Settings, move: Move, verdict: Verdict
) -> TextDecision:
    """Promote or propose what passed the gate; returns the decision on it, or on what did not.

    Raises:
        ChampionMoved: another version was promoted since the judgement.
        ManifestMismatch, ModelInvalid, ModelOutputInvalid: the version's files will not do.
    """
    promoted = verdict.promoted and settle(client, settings, move, smoke_test)
    return _settled(move, verdict, promoted=promoted)


def _settled(move: Move, verdict: Verdict, *, promoted: bool) -> TextDecision:
    proposed = verdict.promoted and not promoted
    if proposed:
        sentence = proposal(verdict.sentence, f"{move.model}/{move.version}")
        verdict = replace(verdict, sentence=sentence)
    return TextDecision(
        model=move.model,
        version=move.version,
        promoted=promoted,
        verdict=verdict,
        judged_against=move.judged_against,
        proposed=proposed,
    )


def tag_text_decision(client: MlflowClient, decision: TextDecision) -> None:
    """Write the final decision on the version."""
    if decision.version is None:
        return
    tags = verdict_tags(decision.verdict) | outcome_tags(decision.outcome, decision.judged_against)
    set_version_tags(client, decision.model, decision.version, tags)


def _outrun(verdict: Verdict, error: ChampionMoved) -> Verdict:
    """Refuse what was judged against a champion that is none any more."""
    again = judge(verdict.evidence, verdict.limits)
    return Verdict(
        promoted=False,
        sentence=f"Refused: {error.message}. {again.sentence}",
        checks=again.checks,
        limits=again.limits,
        evidence=again.evidence,
    )


def smoke_test(files: Path) -> None:
    """Try a version's verified files before it may be champion.

    Raises:
        ModelInvalid: graph, vocabulary and card do not belong together.
        ModelOutputInvalid: the graph failed its self-test.
    """
    card = read_text_card(files)
    vocabulary = read_vocabulary(files, card.vocabulary_sha256)
    graph = TextGraph.open(files / GRAPH)
    graph.check_fits(card, vocabulary)
    text = np.arange(7 * 32, dtype=np.int64) % len(vocabulary)
    trial = selftest(graph, text)
    if not trial.passed:
        raise ModelOutputInvalid(
            f"the graph of {card.model} failed its smoke test",
            expected="finite probabilities that sum to 1, alone, in a batch and in halves",
            found=trial,
        )


def roll_back_text(settings: Settings, model: str, why: str, who: str | None = None) -> Pointer:
    """Make the previous champion the champion again, with the checks of a promotion.

    The log names `who`, else the system's user.

    Raises:
        NoChampion: there is no champion, or none before it.
        IsRejected: a reviewer has turned down the one before it.
        ManifestMismatch, ModelInvalid, ModelOutputInvalid: its files will not do.
    """
    client = connect(settings)
    move = way_back(client, model, why, who)
    return promote(client, settings, move, unrejected(client, move, smoke_test))


def move_of(model: str, version: int, champion: int | None, why: str) -> Move:
    """Return a change of champion as the log keeps it."""
    return Move(
        model=model, version=version, judged_against=champion, who=getpass.getuser(), why=why
    )
