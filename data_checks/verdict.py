"""Carry what the checks found and what they decided, in the form in which people read it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from forecasting.climate.series import ClimateSeries

#: Findings that take a row, or one cell of it, out of the data.
ROW_CODES = frozenset(
    {
        "ROW_MALFORMED",
        "DATE_INVALID",
        "DATE_OFF_STEP",
        "DATE_IN_FUTURE",
        "DUPLICATE_CONFLICT",
        "DUPLICATE_DATE",
    }
)
CELL_CODES = frozenset({"NOT_A_NUMBER", "NOT_FINITE", "OUT_OF_BOUNDS", "JUMP", "STUCK_SENSOR"})

#: Findings that are told and change nothing.
NOTE_CODES = frozenset({"ROW_REPEATED", "ORDER_RESTORED", "DAYS_MISSING"})

#: Findings that refuse the whole batch.
REFUSAL_CODES = frozenset(
    {
        "COLUMN_MISSING",
        "NO_ROWS",
        "TOO_MUCH_QUARANTINED",
        "UNIT_CHANGED",
        "DATA_TOO_OLD",
        "EXPECTATION_FAILED",
    }
)


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One finding: what was expected where, and what stood there.

    `date` is the label of the step and `variable` the Open-Meteo name; None where the finding
    is about a whole row, a whole column or the whole batch.
    """

    code: str
    date: str | None
    variable: str | None
    found: str
    expected: str

    @property
    def effect(self) -> Literal["quarantined", "noted", "refused"]:
        """What the finding does to the data."""
        if self.code in REFUSAL_CODES:
            return "refused"
        return "noted" if self.code in NOTE_CODES else "quarantined"

    def to_json(self) -> dict[str, str | None]:
        """Return the finding as the command line prints it."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class ExpectationResult:
    """One expectation of the suite; one that raised, or gave no result, has failed."""

    name: str
    variable: str | None
    success: bool
    expected: str
    observed: str


@dataclass(frozen=True, kw_only=True)
class Admission:
    """The verdict on one batch, bound to the bytes that were read and to the data they hold.

    `accepted` counts the steps with at least one admitted value, `quarantined` the cells and
    rows taken out, `missing_days` the steps between the first and the last for which no file
    has a row; `step` says whether they are days or hours. `series` and
    `data_sha256` are None when the batch was refused.
    """

    dataset: str
    series: ClimateSeries | None
    accepted: int
    quarantined: int
    missing_days: int
    reasons: tuple[Reason, ...]
    verdict: Literal["accepted", "refused"]
    report: Path
    files_sha256: tuple[str, ...]
    data_sha256: str | None
    expectations: tuple[ExpectationResult, ...]
    step: str = "day"

    def to_json(self) -> dict[str, object]:
        """Return the verdict as the command line and the run record print it."""
        return {
            "dataset": self.dataset,
            "step": self.step,
            "verdict": self.verdict,
            "accepted": self.accepted,
            "quarantined": self.quarantined,
            "missing_days": self.missing_days,
            "reasons": [reason.to_json() for reason in self.reasons],
            "report": str(self.report),
            "files_sha256": list(self.files_sha256),
            "data_sha256": self.data_sha256,
            "expectations": [asdict(result) for result in self.expectations],
        }
