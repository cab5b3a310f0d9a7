"""Write for the reviewer: what a version is, what it was measured at, and why it was decided so."""

import math
from collections.abc import Sequence
from statistics import mean

from data_checks.admissions import load_admitted
from forecasting.climate.backtest import INTERVALS, Scores, skill
from forecasting.climate.checks import Check
from forecasting.climate.gate import Verdict
from forecasting.climate.refit import RefitVerdict
from forecasting.settings import Settings
from forecasting.stores.published import ModelCard
from forecasting.stores.registry.versions import Registration
from pipelines.judging import Judgement
from pipelines.outcomes import as_judged
from pipelines.pooled import is_global
from pipelines.workspace import Plan

#: Longest value of a tag in the registry.
TAG_LENGTH = 5000


def registration_of(
    settings: Settings, plan: Plan, judgement: Judgement, card: ModelCard
) -> Registration:
    """Return the description and the tags of a version."""
    verdict = judgement.verdict
    series = load_admitted(settings.root, plan.data_sha256)
    blocks = plan.blocks
    lines = [
        f"# {plan.station}: {card.target}, leads 1 to {card.horizon}",
        verdict.sentence,
        "## Data",
        (
            f"- {len(series)} steps, {series.start.date()} to {series.end.date()}, "
            f"{int(series.observed.sum())} of {series.observed.size} values observed"
        ),
        f"- SHA-256 `{plan.data_sha256}`, accepted by the data checks",
        (
            f"- trained on rows 0 to {blocks.train - 1}, each member without a stretch of its own "
            f"among them, on which it was asked; judged on {blocks.train} to {blocks.gate - 1}"
        ),
        f"## Errors on the gate block (MAE in {card.unit})",
        *leaderboard_rows(judgement),
        f"## Skill horizon: {verdict.skill_horizon} of {card.horizon} leads",
        "The last lead up to which it errs less than climatology and damped persistence.",
        f"## Pinball loss at held-out origins ({card.unit}), by which it was chosen",
        *candidate_rows(judgement),
        "## Checks of the gate",
        *check_rows(verdict),
        "## Beside the rivals, lead by lead (Diebold-Mariano, one-sided p, Holm)",
        *significance_rows(verdict),
        f"## Intervals and seasons ({card.unit})",
        *season_rows(verdict),
        "## Model",
        (
            f"- {card.members} members of `{card.cell}`, {card.parameters} parameters, "
            f"one ONNX graph in {card.unit}; reads {card.history} steps of "
            + ", ".join(card.variables)
        ),
        *shared_rows(judgement),
        (
            f"- blended by {judgement.blend['stacked_origins']} held-out origins, intervals "
            f"calibrated on {judgement.blend['calibrated_origins']} that no early stop saw either"
        ),
        "## Weights of the blend near the usual climate (far from it in brackets)",
        *blend_rows(judgement),
        "## Reproduce",
        (
            f"`gatecast retrain {plan.station} --preset {plan.preset} --seed {plan.seed}` "
            "on the data named above, with the code and lock file in this run's tags."
        ),
    ]
    tags = verdict_tags(verdict) | {
        "station": plan.station,
        "cell": card.cell,
        "kind": "global" if is_global(card.cell) else "local",
        "preset": plan.preset,
        "seed": str(plan.seed),
        "data_sha256": plan.data_sha256,
        "trained_through": card.trained_through,
    }
    tags |= {f"held_out.{cell}": f"{loss:.4f}" for cell, loss in judgement.losses.items()}
    return Registration(description=_paragraphs(lines), tags=tags)


def with_refit(registration: Registration, card: ModelCard, refit: RefitVerdict) -> Registration:
    """Say of a version what came of the refit: that it is one, has a refit, or stands alone."""
    tags = registration.tags | {"refit": str(card.refit).lower()}
    about, description = "", registration.description
    if card.refit:
        about = (
            f"Trained on all rows, through {card.trained_through}, by the recipe of version "
            f"{card.judged_version} (run `{card.run_id}`), which the gate judged and which is told "
            "below: its rows, numbers and weights of the blend are not those of this version."
        )
        tags |= {"judged_version": str(card.judged_version), "judged_run": card.run_id}
    elif refit.accepted:
        about = (
            "This is the version that the gate judged. Its refit, the next version, was registered "
            "to be promoted in its place."
        )
        passed, judged = tags["verdict"], as_judged(tags["verdict"])
        description = description.replace(passed, judged, 1)
        tags |= {"verdict": judged[:TAG_LENGTH]}
    if refit.accepted:
        tags |= {"promoted": "false"}  # until one of the two is
    heading = f"# Refit: {tags['refit']}"
    rows = _check_rows(refit.checks) if refit.checks else []
    text = _paragraphs([heading, *([about] if about else []), refit.sentence, *rows])
    return Registration(description=f"{text}\n{description}", tags=tags)


def verdict_tags(verdict: Verdict) -> dict[str, str]:
    """Return what a verdict says in tags, by which a reviewer finds and sorts versions."""
    evidence = verdict.evidence
    name, rival = evidence.best_rival
    tags = {
        "promoted": str(verdict.promoted).lower(),
        "verdict": verdict.sentence[:TAG_LENGTH],
        "mean_mae": f"{evidence.candidate.mean_mae:.4f}",
        "best_rival": name,
        "skill": f"{skill(evidence.candidate, rival):.4f}",
        "skill_horizon": str(verdict.skill_horizon),
    }
    tags |= {
        f"p_better.{each}": f"{comparison.over_horizon.p_better:.4f}"
        for each, comparison in evidence.comparisons.items()
    }
    for percent in INTERVALS:
        by_lead = getattr(evidence.candidate, f"coverage_{percent}_by_lead")
        if by_lead is not None:
            tags[f"coverage_{percent}"] = f"{mean(by_lead):.4f}"
    return tags


def _paragraphs(lines: list[str]) -> str:
    """Join Markdown: a blank line round every heading, none inside a list or a table."""
    text = ""
    for line in lines:
        inside = line[:1] in "-|" and text.rsplit("\n", 1)[-1][:1] in "-|"
        text += ("\n" if inside else "\n\n") + line
    return text.strip() + "\n"


def blend_rows(judgement: Judgement) -> list[str]:
    """Return each column's share by lead as a Markdown table; what has no share is left out."""
    blend = judgement.blend
    leads = len(blend["near"])
    rows = [
        "| blended | " + " | ".join(f"lead {lead}" for lead in range(1, leads + 1)) + " |",
        "|---|" + "---|" * leads,
    ]
    for place, column in enumerate(blend["columns"]):
        shares = [
            f"{near[place]:.2f} ({far[place]:.2f})"
            for near, far in zip(blend["near"], blend["far"], strict=True)
        ]
        rows.append(f"| {column.replace('_', ' ')} | " + " | ".join(shares) + " |")
    return rows


def shared_rows(judgement: Judgement) -> list[str]:
    """Return with which stations the chosen candidate shares its weights, where it does."""
    if not judgement.stations:
        return []
    row = (
        f"- weights shared by {', '.join(judgement.stations)}: trained on rows of all of them from "
        "before the first of their gate blocks; scale, climatology, regressions, blend and "
        "intervals are this station's own"
    )
    return [row]


def candidate_rows(judgement: Judgement) -> list[str]:
    """Return every candidate's kind and loss at held-out origins, best first, as Markdown."""
    rows = ["| candidate | trained on | pinball loss |", "|---|---|---|"]
    for cell, loss in sorted(judgement.losses.items(), key=lambda entry: entry[1]):
        kind = "several stations" if is_global(cell) else "this station"
        rows.append(f"| {cell} | {kind} | {loss:.4f} |")
    return rows


def leaderboard_rows(judgement: Judgement) -> list[str]:
    """Return the scores of candidates and rivals as a Markdown table, best first."""
    scores = {f"{cell} (candidate)": score for cell, score in judgement.leaderboard.items()}
    scores |= judgement.verdict.evidence.rivals
    leads = len(judgement.verdict.evidence.candidate.mae_by_lead)
    rows = [
        "| model | mean | " + " | ".join(f"lead {lead}" for lead in range(1, leads + 1)) + " |",
        "|---|" + "---|" * (leads + 1),
    ]
    for name, score in sorted(scores.items(), key=lambda entry: entry[1].mean_mae):
        cells = " | ".join(f"{mae:.3f}" for mae in score.mae_by_lead)
        rows.append(f"| {name.replace('_', ' ')} | {score.mean_mae:.3f} | {cells} |")
    return rows


def check_rows(verdict: Verdict) -> list[str]:
    """Return the gate's checks as a Markdown table."""
    return _check_rows(verdict.checks)


def _check_rows(checks: Sequence[Check]) -> list[str]:
    rows = ["| check | required | found | passed |", "|---|---|---|---|"]
    rows += [
        f"| {check.name} | {check.required} | {check.found} | {'yes' if check.passed else 'NO'} |"
        for check in checks
    ]
    return rows


def significance_rows(verdict: Verdict) -> list[str]:
    """Return the comparisons with every rival as a Markdown table, over the horizon and by lead."""
    leads = len(verdict.evidence.candidate.mae_by_lead)
    head = " | ".join(f"lead {lead}" for lead in range(1, leads + 1))
    rows = [
        f"| rival | difference in the mean | p over the horizon | {head} |",
        "|---|---|---|" + "---|" * leads,
    ]
    for name, comparison in verdict.evidence.comparisons.items():
        over = comparison.over_horizon
        cells = " | ".join(f"{p_value:.3f}" for p_value in comparison.by_lead.holm_by_lead)
        rows.append(
            f"| {name.replace('_', ' ')} | {over.mean_difference:+.4f} | {over.p_better:.3f} "
            f"| {cells} |"
        )
    return rows


def season_rows(verdict: Verdict) -> list[str]:
    """Return error, CRPS and intervals of the candidate, in all and by season, as Markdown."""
    evidence = verdict.evidence
    head = ["origins", "mean MAE", "CRPS", *(f"coverage {each} %" for each in INTERVALS)]
    head += [f"width {each} %" for each in INTERVALS]
    rows = ["| targets in | " + " | ".join(head) + " |", "|---|" + "---|" * len(head)]
    for name, scores in {"all": evidence.candidate, **evidence.seasons}.items():
        rows.append(f"| {name} | {scores.origins} | " + " | ".join(_season_cells(scores)) + " |")
    return rows


def _season_cells(scores: Scores) -> list[str]:
    """Return the cells of a row: averaged over leads, a dash where a lead has no such number."""
    averages = [scores.mean_mae, scores.crps]
    for part in ("coverage", "width"):
        by_leads = [getattr(scores, f"{part}_{each}_by_lead") for each in INTERVALS]
        averages += [None if by_lead is None else mean(by_lead) for by_lead in by_leads]
    return [
        f"{average:.3f}" if average is not None and math.isfinite(average) else "-"
        for average in averages
    ]
