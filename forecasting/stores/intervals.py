"""Remember what came of each scheduled interval, so that an interval is worked once."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from forecasting.stores.files import safe_name, write_json
from forecasting.stores.locks import held_turn

#: How a record is named after the moment at which its interval begins, in UTC.
STAMP: Final = "%Y%m%dT%H%M%SZ"

#: The file that says since when a schedule has been kept.
SINCE: Final = "since.json"


@dataclass(frozen=True, kw_only=True)
class Interval:
    """What is owed once: `kind` and `key` say whose it is, `tick` (with a zone) when it begins."""

    kind: str
    key: str
    tick: datetime

    def folder(self, root: Path) -> Path:
        """Return where the records of the same kind and key lie.

        Raises:
            NameInvalid: kind or key may not become part of a path.
        """
        return root / "intervals" / safe_name(self.kind) / safe_name(self.key)

    def record(self, root: Path) -> Path:
        """Return where the interval's outcome is kept."""
        return self.folder(root) / f"{self.tick.astimezone(UTC):{STAMP}}.json"

    @property
    def name(self) -> str:
        """The idempotency key: whose it is, and the moment in UTC."""
        return f"{self.kind}/{self.key}/{self.tick.astimezone(UTC):{STAMP}}"


@dataclass(frozen=True, kw_only=True)
class Worked:
    """An interval's outcome; `repeated` where it was worked by an earlier run."""

    outcome: dict[str, Any]
    repeated: bool


def once(
    root: Path,
    interval: Interval,
    work: Callable[[], dict[str, Any]],
    *,
    address: str | None = None,
    again: bool = False,
) -> Worked:
    """Work an interval unless that was done, and keep the outcome durably.

    A run that is killed or raises keeps nothing, so that the next one works the interval anew.

    Args:
        root: the home folder.
        interval: what is owed.
        work: does it; returns its outcome as JSON.
        address: the PostgreSQL database that keeps the locks; files do where it is None.
        again: work it although there is an outcome, which is then replaced.

    Raises:
        TurnTaken: another process works an interval of the same kind and key.
    """
    interval.folder(root)  # refuses a name that may not become part of a path
    name, busy = f"interval-{interval.kind}-{interval.key}", f"{interval.kind} of {interval.key}"
    with held_turn(root, name, address=address, busy=f"{busy} is at work"):
        kept = None if again else outcome_of(root, interval)
        if kept is not None:
            return Worked(outcome=kept, repeated=True)
        outcome = work()
        write_json(interval.record(root), {"interval": interval.name, "outcome": outcome})
        return Worked(outcome=outcome, repeated=False)


def outcome_of(root: Path, interval: Interval) -> dict[str, Any] | None:
    """Return what came of an interval; None where it was not worked, or the record is spoilt."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        content = json.loads(interval.record(root).read_bytes())
        if content["interval"] == interval.name and isinstance(content["outcome"], dict):
            outcome: dict[str, Any] = content["outcome"]
            return outcome
    return None


def kept_since(root: Path, interval: Interval) -> datetime | None:
    """Return since when the interval's schedule has been kept; None where it never was."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        content = json.loads((interval.folder(root) / SINCE).read_bytes())
        return datetime.fromisoformat(content["since"])
    return None


def keep_from(root: Path, interval: Interval, moment: datetime) -> None:
    """Note that the interval's schedule is kept from a moment on: no tick before it was missed."""
    write_json(interval.folder(root) / SINCE, {"since": moment.astimezone(UTC).isoformat()})
