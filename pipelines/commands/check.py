"""The verb `check`: land a dataset, put it through the data checks, and say what they found."""

from data_checks.gate import admit
from data_checks.verdict import Admission
from forecasting.settings import load_settings
from pipelines.catalogue import find_dataset
from pipelines.commands.output import Files, print_json, print_line, print_table, progress
from pipelines.sources.landing import land

ADMITTED, REFUSED = 0, 1

#: More findings than this scroll away; the report and the JSON hold them all.
MOST_FINDINGS = 40


def check(name_or_toml: str, *, csv: Files = None, json: bool = False) -> int:
    """Check a dataset and write the report; ends with 0 when admitted and 1 when refused.

    Args:
        name_or_toml: a shipped dataset, or the path of a dataset's TOML file.
        csv: local files to check instead of the declared source.
        json: print one JSON object.
    """
    dataset = find_dataset(name_or_toml)
    settings = load_settings()
    with progress(f"checking {dataset.name}"):
        files = land(dataset, settings, csv or ())
        admission = admit(dataset, [file.path for file in files], reports=settings.root / "reports")
    if json:
        print_json(admission.to_json())
    else:
        _print_verdict(admission)
    return ADMITTED if admission.verdict == "accepted" else REFUSED


def _print_verdict(admission: Admission) -> None:
    if admission.reasons:
        print_table(
            "Findings",
            ("date", "finding", "found", "expected"),
            [
                (
                    reason.date,
                    f"{reason.code} {reason.variable or ''}".strip(),
                    reason.found,
                    reason.expected,
                )
                for reason in admission.reasons[:MOST_FINDINGS]
            ],
        )
    if (more := len(admission.reasons) - MOST_FINDINGS) > 0:
        print_line(f"and {more} more in the report")
    met = sum(result.success for result in admission.expectations)
    print_line(
        f"{admission.dataset} {admission.verdict}: "
        f"{admission.accepted} {admission.step}s with data, "
        f"{admission.quarantined} cells and rows quarantined, "
        f"{admission.missing_days} {admission.step}s without a row, "
        f"{met} of {len(admission.expectations)} expectations met",
        style="bold green" if admission.verdict == "accepted" else "bold red",
    )
    print_line(f"report: {admission.report}")
