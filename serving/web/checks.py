"""Show what the data checks found in the data that a station's newest model was trained on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from forecasting.errors import GatecastError
from forecasting.stores.admitted import VERDICT, admitted_folder, read_verdict
from forecasting.stores.stations import StationRecord
from serving.selection import require_targets

#: Most findings that a page lists; the verdict's own file holds them all.
MOST_FINDINGS: Final = 300

#: Under which name the number of all findings is kept beside those that are listed.
TOTAL: Final = "all_findings"

#: Findings that are told and change nothing; every other took a row or a cell out.
NOTES: Final = frozenset({"ROW_REPEATED", "ORDER_RESTORED", "DAYS_MISSING"})


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One finding: what was expected where, and what stood there."""

    code: str
    label: str
    variable: str
    found: str
    expected: str

    @property
    def effect(self) -> str:
        """What the finding did to the data."""
        return "noted" if self.code in NOTES else "quarantined"


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """One expectation that was put to the data after quarantine."""

    name: str
    variable: str
    expected: str
    observed: str
    met: bool


@dataclass(frozen=True, kw_only=True)
class ChecksPage:
    """The verdict on the data of one target, by its data version.

    `counts` is empty where the verdict is not kept, as in a home of an older form.
    """

    record: StationRecord
    target: str
    data_sha256: str | None
    step: str
    counts: dict[str, int]
    findings: Sequence[Finding]
    total: int
    expectations: Sequence[Expectation]
    files: Sequence[str]

    @property
    def codes(self) -> list[tuple[str, int]]:
        """How often each code was found among the findings listed, the most frequent first."""
        return Counter(finding.code for finding in self.findings).most_common()

    @property
    def met(self) -> int:
        """How many expectations were met."""
        return sum(each.met for each in self.expectations)


def checks_page(root: Path, record: StationRecord, target: str | None) -> ChecksPage:
    """Read the verdict on the newest admitted data of a target, the first one when None.

    Raises:
        RequestRefused: it is none of the station's targets.
    """
    wanted = record.card.target if target is None else target
    require_targets(record, (wanted,), "target")
    digest, verdict = _verdict(root, record, wanted)
    findings = _objects(verdict.get("reasons"))
    total = verdict.get(TOTAL, 0)
    counted = ("accepted", "quarantined", "missing_days")
    return ChecksPage(
        record=record,
        target=wanted,
        data_sha256=digest,
        step=_text(verdict.get("step"), "day"),
        counts={name: int(verdict[name]) for name in counted if isinstance(verdict.get(name), int)},
        findings=[_finding(each) for each in findings],
        total=total,
        expectations=[_expectation(each) for each in _objects(verdict.get("expectations"))],
        files=[str(each) for each in verdict.get("files_sha256") or ()],
    )


def _verdict(root: Path, record: StationRecord, target: str) -> tuple[str | None, dict[str, Any]]:
    """Return the data version and the verdict on it; an empty one where none is kept."""
    try:
        digest = record.data_of(target)
        status = (admitted_folder(root, digest) / VERDICT).stat()
    except (GatecastError, OSError):
        return record.recent.series.get(target), {}
    return digest, _kept(root, digest, (status.st_ino, status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=32)
def _kept(root: Path, digest: str, _: object) -> dict[str, Any]:
    """Return a verdict with its first findings and their number; read once while it is the same."""
    try:
        verdict = read_verdict(root, digest)
    except (GatecastError, OSError):
        return {}
    findings = _objects(verdict.get("reasons"))
    return {**verdict, "reasons": findings[:MOST_FINDINGS], TOTAL: len(findings)}


def _objects(content: object) -> list[dict[str, Any]]:
    listed = content if isinstance(content, list) else []
    return [each for each in listed if isinstance(each, dict)]


def _finding(content: dict[str, Any]) -> Finding:
    return Finding(
        code=_text(content.get("code")),
        label=_text(content.get("date")),
        variable=_text(content.get("variable")),
        found=_text(content.get("found")),
        expected=_text(content.get("expected")),
    )


def _expectation(content: dict[str, Any]) -> Expectation:
    return Expectation(
        name=_text(content.get("name")).removeprefix("expect_").replace("_", " "),
        variable=_text(content.get("variable")),
        expected=_text(content.get("expected")),
        observed=_text(content.get("observed")),
        met=content.get("success") is True,
    )


def _text(value: object, default: str = "\N{EN DASH}") -> str:
    return default if value is None or value == "" else str(value)
