"""Run the gate again on a registered language model: `gatecast models promote language-…/3`."""

from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from data_checks.text_admissions import load_text
from forecasting.language.gate import judge
from forecasting.language.rivals import measure_rivals
from forecasting.language.vocabulary import read_vocabulary
from forecasting.settings import Settings
from forecasting.stores.published import GRAPH, read_text_card
from forecasting.stores.registry.versions import Version, fetch
from pipelines.texts.judgement import worded
from pipelines.texts.judging import Heard, evidence_of, version_losses
from pipelines.texts.promotion import move_of, settle_text, tag_text_decision
from pipelines.texts.recording import keep_text_decision


def promote_text_again(
    settings: Settings, client: MlflowClient, version: Version, scratch: Path
) -> dict[str, Any]:
    """Judge a version on the text that it was trained for; promote or propose what passes.

    Raises:
        DataUnchecked: that text is no longer here, or carries no accepting verdict.
        ManifestMismatch, ModelInvalid, ModelOutputInvalid: the version's files will not do.
        ChampionMoved: another version was promoted since the judgement.
    """
    files = fetch(client, version.model, version.version, scratch)
    card = read_text_card(files)
    corpus = load_text(settings.root, card.data_sha256)
    vocabulary = read_vocabulary(files, card.vocabulary_sha256)
    losses = version_losses(files, vocabulary, corpus)
    heard = Heard(files / GRAPH, losses, measure_rivals(corpus))
    champion, evidence = evidence_of(settings, version.model, corpus, heard, itself=version.version)
    verdict = judge(evidence)
    move = move_of(version.model, version.version, champion, verdict.sentence)
    decision = settle_text(client, settings, move, verdict)
    tag_text_decision(client, decision)
    keep_text_decision(settings, version.run_id, decision)
    return {
        "model": version.model,
        "version": version.version,
        "promoted": decision.promoted,
        "proposed": decision.proposed,
        "verdict": worded(decision.verdict.to_json()),
    }
