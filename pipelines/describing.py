"""Write for the reviewer: what a version is, what it was measured at, and why it was decided so."""

from data_checks.admissions import load_admitted
from forecasting.climate.backtest import skill
from forecasting.climate.gate import Verdict, best_rival
from forecasting.settings import Settings
from forecasting.stores.published import ModelCard
from forecasting.stores.registry.versions import Registration
from pipelines.judging import Judgement
from pipelines.workspace import Plan


def registration_of(
    settings: Settings, plan: Plan, judgement: Judgement, card: ModelCard
) -> Registration:
    """Return the description and the tags of a version."""
    verdict = judgement.verdict
    name, rival = best_rival(verdict.evidence)
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
            f"- trained on rows 0 to {blocks.train - 1}, each member stopped early on a stretch "
            f"of its own among them; chosen on {blocks.train} to {blocks.train - 1}, "
            f"judged on {blocks.train} to {blocks.gate - 1}"
        ),
        f"## Errors on the gate block (MAE in {card.unit})",
        *leaderboard_rows(judgement),
        "## Checks of the gate",
        *check_rows(verdict),
        "## Model",
        (
            f"- {card.members} members of `{card.cell}`, {card.parameters} parameters, "
            f"one ONNX graph in {card.unit}; reads {card.history} steps of "
            + ", ".join(card.variables)
        ),
        "## Reproduce",
        (
            f"`gatecast retrain {plan.station} --preset {plan.preset} --seed {plan.seed}` "
            "on the data named above, with the code and lock file in this run's tags."
        ),
    ]
    tags = {
        "station": plan.station,
        "cell": card.cell,
        "preset": plan.preset,
        "seed": str(plan.seed),
        "promoted": str(verdict.promoted).lower(),
        "mean_mae": f"{verdict.evidence.candidate.mean_mae:.4f}",
        "best_rival": name,
        "skill": f"{skill(verdict.evidence.candidate, rival):.4f}",
        "data_sha256": plan.data_sha256,
        "trained_through": card.trained_through,
    }
    return Registration(description=_paragraphs(lines), tags=tags)


def _paragraphs(lines: list[str]) -> str:
    """Join Markdown: a blank line round every heading, none inside a list or a table."""
    text = ""
    for line in lines:
        inside = line[:1] in "-|" and text.rsplit("\n", 1)[-1][:1] in "-|"
        text += ("\n" if inside else "\n\n") + line
    return text.strip() + "\n"


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
    rows = ["| check | required | found | passed |", "|---|---|---|---|"]
    rows += [
        f"| {check.name} | {check.required} | {check.found} | {'yes' if check.passed else 'NO'} |"
        for check in verdict.checks
    ]
    return rows
