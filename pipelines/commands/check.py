"""The verb `check`: land a dataset, put it through the data checks, and say what they found."""

from data_checks.declaration import Dataset
from data_checks.gate import admit
from data_checks.verdict import Admission
from forecasting.errors import GatecastError
from forecasting.settings import Settings, load_settings
from pipelines.catalogue import find_parts
from pipelines.commands.output import Files, print_json, print_line, print_table, progress
from pipelines.sources.landing import land, require_told_apart

ADMITTED, REFUSED = 0, 1

#: More findings than this scroll away; the report and the JSON hold them all.
MOST_FINDINGS = 40


def check(name_or_toml: str, *, csv: Files = None, json: bool = False) -> int:
    """Check a dataset and write the report; ends with 0 when admitted and 1 when refused.

    Of several stations or targets each is checked and has a report; one that is refused does
    not keep the others from being checked.

    Args:
        name_or_toml: a shipped dataset, or the path of a dataset's TOML file; with `#STATION`,
            `@TARGET` or both behind it for a part of the dataset.
        csv: local files to check instead of the declared source.
        json: print one JSON object.
    """
    parts = find_parts(name_or_toml)
    require_told_apart(parts, csv or ())
    settings = load_settings()
    if len(parts) == 1:
        admission = _check(settings, parts[0], csv)
        if json:
            print_json(admission.to_json())
        else:
            _print_verdict(admission)
        return ADMITTED if admission.verdict == "accepted" else REFUSED
    verdicts = [_check_part(settings, part, csv, json=json) for part in parts]
    if json:
        print_json({"verdicts": verdicts})
    return ADMITTED if all(each["verdict"] == "accepted" for each in verdicts) else REFUSED


def _check(settings: Settings, dataset: Dataset, csv: Files) -> Admission:
    with progress(f"checking {dataset.name}{dataset.part}"):
        files = land(dataset, settings, csv or ())
        return admit(dataset, [file.path for file in files], reports=settings.root / "reports")


def _check_part(
    settings: Settings, dataset: Dataset, csv: Files, *, json: bool
) -> dict[str, object]:
    """Check one of several parts and tell people at once; returns the verdict as JSON."""
    name = f"{dataset.name}{dataset.part}"
    try:
        admission = _check(settings, dataset, csv)
    except GatecastError as error:
        if not json:
            print_line(f"{name}: {error.code}: {error}", style="bold red")
        return {"dataset": name, "verdict": "refused", "error": error.to_json()}
    if not json:
        _print_verdict(admission)
    return admission.to_json()


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
