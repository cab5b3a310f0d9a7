"""Record what the language flow did: the MLflow run, Prefect's artifacts, the command's answer."""

import getpass
from pathlib import Path
from typing import Any

from data_checks.texts import TextAdmission
from forecasting.language.scoring import spoken
from forecasting.settings import Settings
from forecasting.stores.decisions import DecisionEntry, append_decision
from forecasting.stores.registry.versions import connect, store_errors
from pipelines import tracking
from pipelines.texts.describing import (
    CONTEST_HEADS,
    check_rows,
    contest_rows,
    part_rows,
    rival_rows,
    table,
)
from pipelines.texts.judgement import JUDGEMENT, TextJudgement, worded
from pipelines.texts.plots import plot_bits, plot_gradients
from pipelines.texts.promotion import TextDecision
from pipelines.texts.workspace import PLAN

#: The file in a run that says why its model was promoted or refused.
VERDICT = "verdict.json"


def text_verdict(admission: TextAdmission) -> str:
    """Return the verdict on a text as Markdown."""
    rows = [
        (result.variable or "the text", "yes" if result.success else "no", result.expected)
        for result in admission.expectations
    ]
    facts = [(name, str(value)) for name, value in vars(admission.facts).items()]
    return "\n\n".join(
        [
            f"**{admission.verdict}**: {admission.facts.characters} characters",
            table(("fact", "found"), facts),
            table(("fact", "met", "expected"), rows),
        ]
    )


def log_text(settings: Settings, run_id: str, admission: TextAdmission) -> None:
    """Log the verdict on the text: its facts, its hashes."""
    client = connect(settings)
    facts = {
        f"data/{name}": float(value)
        for name, value in vars(admission.facts).items()
        if isinstance(value, int | float)
    }
    tracking.log_metrics(client, run_id, facts)
    tags = {
        "data_verdict": admission.verdict,
        "data_sha256": admission.data_sha256 or "refused",
        "files_sha256": admission.file_sha256,
    }
    tracking.set_tags(client, run_id, tags)
    with store_errors():
        client.log_dict(run_id, worded(admission.to_json()), "data/verdict.json")


def log_text_judgement(
    settings: Settings, run_id: str, folder: Path, judgement: TextJudgement
) -> None:
    """Log every score, the course of every training, the figures, and the judgement itself."""
    client = connect(settings)
    metrics: dict[str, float] = {"parameters": judgement.parameters}
    scores = {**judgement.parts, **judgement.verdict.evidence.rivals}
    for name, score in scores.items():
        key = name.replace(" ", "_")
        metrics[f"{key}/bits_per_character"] = score.bits_per_character
        metrics[f"{key}/perplexity"] = score.perplexity
        metrics[f"{key}/cross_entropy"] = score.cross_entropy
    metrics["characters_per_second"] = judgement.characters_per_second
    metrics["p_better/n-gram"] = judgement.verdict.evidence.against_ngram.p_better
    tracking.log_metrics(client, run_id, metrics)
    for name, told in judgement.networks.items():
        history = told["fit"]["history"]
        series = {
            f"{name}/{measure}": [float(epoch[measure]) for epoch in history]
            for measure in ("loss", "score", "norm", "clipped_norm", "seconds")
        }
        tracking.log_series(client, run_id, series)
    with store_errors():
        client.log_artifact(run_id, str(folder / JUDGEMENT))
        client.log_artifact(run_id, str(folder / PLAN))
        client.log_text(run_id, plot_gradients(judgement), "gradients.svg")
        client.log_text(run_id, plot_bits(judgement), "bits.svg")


def log_text_decision(settings: Settings, run_id: str, decision: TextDecision) -> None:
    """Write the decision on the run, the whole verdict as `verdict.json`."""
    client = connect(settings)
    tags = {
        "promoted": str(decision.promoted).lower(),
        "proposed": str(decision.proposed).lower(),
        "verdict": decision.verdict.sentence[:5000],
        "registered_version": "" if decision.version is None else str(decision.version),
    }
    tracking.set_tags(client, run_id, tags)
    with store_errors():
        client.log_dict(run_id, worded(decision.verdict.to_json()), VERDICT)


def keep_text_decision(settings: Settings, run_id: str, decision: TextDecision) -> None:
    """Append the decision, whose sentence holds its numbers, to the log that the API reads.

    A promotion's line is there since its alias moved.
    """
    if decision.promoted:
        return
    entry = DecisionEntry(
        model=decision.model,
        version=decision.version,
        run_id=run_id,
        promoted=decision.promoted,
        outcome=decision.outcome,
        sentence=decision.verdict.sentence,
        who=getpass.getuser(),
    )
    append_decision(settings.root, entry, settings.lock_address)


def decision_markdown(judgement: TextJudgement, decision: TextDecision) -> str:
    """Return the decision with its tables as Markdown."""
    measures = ("bits a character", "perplexity")
    return "\n\n".join(
        [
            decision.verdict.sentence,
            table(("part", *measures), part_rows(judgement)),
            table(("model", *measures), rival_rows(judgement)),
            table(CONTEST_HEADS, contest_rows(judgement)),
            table(("check", "passed", "required", "found"), check_rows(decision.verdict)),
        ]
    )


def text_decision_json(
    judgement: TextJudgement, decision: TextDecision, run_id: str
) -> dict[str, Any]:
    """Return what `gatecast language train --json` prints, but for the seconds."""
    evidence = decision.verdict.evidence
    best = evidence.rivals[evidence.best_ngram]
    return {
        "run_id": run_id,
        "model": decision.model,
        "version": decision.version,
        "promoted": decision.promoted,
        "proposed": decision.proposed,
        "test_bits_per_character": spoken(evidence.candidate.bits_per_character),
        "test_perplexity": spoken(evidence.candidate.perplexity),
        "best_ngram_bits_per_character": spoken(best.bits_per_character),
        "characters_per_second": round(judgement.characters_per_second),
        "parameters": judgement.parameters,
        "networks_alone_bits_per_character": spoken(judgement.networks_alone.bits_per_character),
        "ngram_contexts": judgement.contexts,
        "ngram_shares": list(judgement.shares),
        "verdict": worded(
            {
                "promoted": decision.verdict.promoted,
                "sentence": decision.verdict.sentence,
                "checks": [vars(check) for check in decision.verdict.checks],
                "limits": vars(decision.verdict.limits),
                "against_ngram": vars(evidence.against_ngram),
            }
        ),
        "parts": {name: score.to_json() for name, score in judgement.parts.items()},
        "rivals": {name: score.to_json() for name, score in evidence.rivals.items()},
        "best_ngram": evidence.best_ngram,
        "contest": worded(
            {
                cell: {
                    "test_bits_per_character": told["test_bits"],
                    "parameters": told["parameters"],
                    "characters_per_second": round(told["characters_per_second"]),
                    "gradient_norms": told["norms_after"],
                }
                for cell, told in judgement.contest.items()
            }
        ),
        "continuations": {
            name: {"before": told["before"], "after": told["after"]}
            for name, told in judgement.networks.items()
        },
        "sample": judgement.sample,
    }
