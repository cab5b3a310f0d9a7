"""Write for the reviewer: what a language model is, what it was measured at, how it writes."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from forecasting.language.corpus import Corpus
from forecasting.language.gate import Verdict
from forecasting.language.scoring import TextScore
from forecasting.stores.registry.versions import Registration
from pipelines.texts.judgement import TextJudgement
from pipelines.texts.workspace import TextPlan

#: Steps back at which the gradient's norm is told.
TOLD_STEPS = (0, 1, 2, 4, 8, 16, 32, 63)

#: Longest value of a tag in the registry.
TAG_LENGTH = 5000


def text_registration(plan: TextPlan, corpus: Corpus, judgement: TextJudgement) -> Registration:
    """Return the description and the tags of a version."""
    verdict = judgement.verdict
    spec = plan.recipe.member.model
    blocks = [
        f"# {plan.corpus}: the next character",
        verdict.sentence,
        (
            f"A character language model: {plan.recipe.members} x `{spec.cell}` of "
            f"{' and '.join(map(str, spec.widths))} units, their probabilities averaged, "
            f"{judgement.parameters:,} parameters in one ONNX graph. It reads a text one character "
            f"at a time and says how likely each of {len(corpus.vocabulary)} symbols is to follow."
        ),
        *mixed_lines(judgement),
        "## How it writes",
        quoted(judgement.sample),
        "## The text",
        (
            f"{len(corpus.text):,} characters as `{corpus.preparation}`, SHA-256 "
            f"`{plan.data_sha256}`; trained on the first eight tenths, chosen by the ninth, judged "
            "on the last, which chose nothing."
        ),
        table(("part", "bits a character", "perplexity"), part_rows(judgement)),
        "## Rivals on the test text",
        table(("model", "bits a character", "perplexity"), rival_rows(judgement)),
        "## Cells at equal parameters",
        table(CONTEST_HEADS, contest_rows(judgement)),
        "## Norm of a loss's gradient at the state so many steps before it, after training",
        table(("cell", *map(str, TOLD_STEPS)), gradient_rows(judgement)),
        "## Checks of the gate",
        table(("check", "passed", "required", "found"), check_rows(verdict)),
        "## Reproduce",
        (
            f"`gatecast language train {plan.corpus} --preset {plan.preset} --seed {plan.seed}`, "
            "with the code and lock file in this run's tags."
        ),
    ]
    tags = verdict_tags(verdict) | {
        "corpus": plan.corpus,
        "cell": spec.cell,
        "preset": plan.preset,
        "seed": str(plan.seed),
        "data_sha256": plan.data_sha256,
        "vocabulary_sha256": corpus.vocabulary.sha256,
        "trained_through": f"character {corpus.borders[0]}",
    }
    return Registration(description="\n\n".join(blocks), tags=tags)


def mixed_lines(judgement: TextJudgement) -> list[str]:
    """Say what is mixed in, and what the networks are worth without it; nothing where none is."""
    if not judgement.contexts:
        return []
    shares = ", ".join(f"{share:.0%}" for share in judgement.shares)
    alone = judgement.networks_alone
    return [
        (
            f"Mixed, within the same graph, with a Witten-Bell n-gram of {judgement.contexts:,} "
            f"contexts of up to {len(judgement.shares) - 1} characters. Its share of the "
            "probability by how many characters it recognises, from none up, learnt on the "
            f"validation text: {shares}. The networks alone need "
            f"{alone.bits_per_character:.3f} bits a character."
        )
    ]


CONTEST_HEADS = (
    "cell",
    "parameters",
    "bits a character",
    "less than rnn",
    "characters per second",
)


def verdict_tags(verdict: Verdict) -> dict[str, str]:
    """Return what a verdict says in tags, by which a reviewer finds and sorts versions."""
    evidence = verdict.evidence
    return {
        "promoted": str(verdict.promoted).lower(),
        "verdict": verdict.sentence[:TAG_LENGTH],
        "test_bits_per_character": f"{evidence.candidate.bits_per_character:.4f}",
        "test_perplexity": f"{evidence.candidate.perplexity:.4f}",
        "best_rival": evidence.best_ngram,
        "p_better.n-gram": f"{evidence.against_ngram.p_better:.4f}",
    }


def quoted(sample: str) -> str:
    """Return a sample as a block that Markdown leaves alone."""
    lines = textwrap.wrap(sample, 90) or [""]
    return "\n".join(f"    {line}" for line in lines)


def part_rows(judgement: TextJudgement) -> list[tuple[str, ...]]:
    """Return the model's own scores, part by part."""
    return [(name, *measures(judgement.parts[name])) for name in ("train", "validation", "test")]


def rival_rows(judgement: TextJudgement) -> list[tuple[str, ...]]:
    """Return the model among its rivals, best first."""
    evidence = judgement.verdict.evidence
    scores = {"this model": evidence.candidate, **evidence.rivals}
    if evidence.duel is not None:
        scores[f"champion, version {evidence.duel.version}"] = evidence.duel.score
    ordered = sorted(scores.items(), key=lambda entry: entry[1].cross_entropy)
    return [(name, *measures(score)) for name, score in ordered]


def measures(score: TextScore) -> tuple[str, str]:
    """Return bits and perplexity as people read them."""
    return f"{score.bits_per_character:.3f}", f"{score.perplexity:.2f}"


def contest_rows(judgement: TextJudgement) -> list[tuple[str, ...]]:
    """Return the cells at equal parameters, and by how much they beat Elman's."""
    contest = judgement.contest
    elman = contest["rnn"]["test_bits"]
    return [
        (
            cell,
            f"{told['parameters']:,}",
            f"{told['test_bits']:.3f}",
            f"{elman - told['test_bits']:+.3f}",
            f"{told['characters_per_second']:,.0f}",
        )
        for cell, told in contest.items()
    ]


def gradient_rows(judgement: TextJudgement) -> list[tuple[str, ...]]:
    """Return each cell's gradient norms at the told steps, relative to that at the loss."""
    return [
        (cell, *(f"{share:.1e}" for share in gradient_shares(told)))
        for cell, told in judgement.contest.items()
    ]


def gradient_shares(told: Mapping[str, Any], when: str = "norms_after") -> list[float]:
    """Return the gradient's norm at the told steps back as shares of that at the loss itself."""
    norms = told[when]
    first = norms[0] or 1.0
    return [norms[step] / first for step in TOLD_STEPS if step < len(norms)]


def check_rows(verdict: Verdict) -> list[tuple[str, ...]]:
    """Return the gate's questions."""
    return [
        (check.name, "yes" if check.passed else "no", check.required, check.found)
        for check in verdict.checks
    ]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
