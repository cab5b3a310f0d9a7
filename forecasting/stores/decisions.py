"""Keep every decision on a model with its evidence, so that the API can show it without MLflow."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from forecasting.stores.files import safe_name, sync_folder
from forecasting.stores.locks import held_lock

#: Longest wait for another process that writes a decision, in seconds.
LOCK_WAIT: Final = 120.0

#: Only the newest part of a log is read: hundreds of decisions, however long it grows.
TAIL_BYTES: Final = 4 << 20

#: The log of the champions' moves.
MOVES: Final = "promotions.jsonl"

#: What a line of another form may raise where it is taken apart.
MALFORMED: Final = (ValueError, TypeError, KeyError, AttributeError)

Leads = tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class LeadScores:
    """How one forecast did on the gate's rows: by lead, lead 1 first; None where undefined.

    Errors and widths are in the target's unit, coverage is a share; a point forecast has neither
    coverage nor width.
    """

    mean_mae: float | None
    mae_by_lead: Leads
    coverage_80_by_lead: Leads | None = None
    coverage_95_by_lead: Leads | None = None
    width_80_by_lead: Leads | None = None
    width_95_by_lead: Leads | None = None


@dataclass(frozen=True, kw_only=True)
class DecisionEntry:
    """A decision of the gate or of a reviewer: on what, what came of it, the numbers behind it.

    `outcome` is `promoted`, `refused` or `proposed`, of a reviewer `approved`, `rejected` or
    `rolled back`; None in a log older than that field. `version` is None where the candidate was
    only logged. `candidate`, `rivals` and `seasons` are empty for a language model and for a
    reviewer's word, whose sentence holds the numbers.
    """

    model: str
    version: int | None
    run_id: str
    promoted: bool
    sentence: str
    who: str
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    judged_against: int | None = None
    preset: str | None = None
    cell: str | None = None
    trained_through: str | None = None
    data_sha256: str | None = None
    skill_horizon: int | None = None
    origins: int | None = None
    candidate: LeadScores | None = None
    rivals: dict[str, LeadScores] = field(default_factory=dict)
    seasons: dict[str, LeadScores] = field(default_factory=dict)
    outcome: str | None = None


@dataclass(frozen=True, kw_only=True)
class MoveEntry:
    """A change of champion as the promotion log has it, whoever made it."""

    time: str
    model: str
    before: int | None
    after: int
    who: str
    why: str


def decisions_path(root: Path, model: str) -> Path:
    """Return where a model's decisions are kept, one line each, oldest first."""
    return root / "decisions" / f"{safe_name(model)}.jsonl"


def moves_path(root: Path) -> Path:
    """Return where the changes of every model's champion are kept, oldest first."""
    return root / MOVES


def append_decision(root: Path, entry: DecisionEntry, address: str | None = None) -> Path:
    """Add one decision to its model's log, durably; returns the log's path.

    Args:
        root: the home folder.
        entry: the decision.
        address: the PostgreSQL database that keeps the locks, where one does.

    Raises:
        AlreadyRunning: another process wrote a decision for longer than the wait.
        NameInvalid: the model's name may not become a path.
        ValueError: a number is not finite.
    """
    path = decisions_path(root, entry.model)
    line = json.dumps(asdict(entry), sort_keys=True, allow_nan=False, ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    name, busy = f"decisions-{safe_name(entry.model)}", f"a decision on {entry.model} is written"
    lock = held_lock(root, name, address=address, wait=LOCK_WAIT, busy=busy)
    with lock, path.open("ab+") as file:
        if _is_cut_off(file.fileno()):
            line = f"\n{line}"
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)
    return path


def append_move(root: Path, entry: MoveEntry, address: str | None = None) -> None:
    """Append one line to the promotion log; each line carries the digest of the one before.

    Args:
        root: the home folder.
        entry: the change of champion.
        address: the PostgreSQL database that keeps the locks, where one does.

    Raises:
        AlreadyRunning: another promotion was logged for longer than the wait.
    """
    path, busy = moves_path(root), "another promotion is logged"
    with held_lock(root, "promotions", address=address, wait=LOCK_WAIT, busy=busy):
        content = path.read_bytes() if path.exists() else b""
        lines = content.splitlines()
        earlier = hashlib.sha256(lines[-1]).hexdigest() if lines else None
        line = json.dumps(asdict(entry) | {"earlier": earlier}, sort_keys=True)
        with path.open("ab") as file:
            if content and not content.endswith(b"\n"):
                file.write(b"\n")  # close the line in which a killed process stopped
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def read_decisions(root: Path, model: str) -> list[DecisionEntry]:
    """Return a model's newest decisions, newest first; none where nothing was recorded.

    Raises:
        NameInvalid: the model's name may not become a path.
    """
    found = []
    for content in _newest_first(decisions_path(root, model)):
        with suppress(*MALFORMED):
            found.append(decision_of(content))
    return [entry for entry in found if entry.model == model]


def read_moves(root: Path, model: str) -> list[MoveEntry]:
    """Return the newest changes of a model's champion, newest first."""
    found = []
    for content in _newest_first(moves_path(root)):
        with suppress(*MALFORMED):
            found.append(move_of(content))
    return [entry for entry in found if entry.model == model]


def _is_cut_off(handle: int) -> bool:
    """Say whether a killed process left the last line without its end."""
    size = os.fstat(handle).st_size
    return size > 0 and os.pread(handle, 1, size - 1) != b"\n"


def _newest_first(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a log's last part; a line that is no whole object is left out."""
    try:
        with path.open("rb") as file:
            skipped = max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES)
            file.seek(skipped)
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return
    # The last piece is what follows the last newline: nothing, or a line not yet whole.
    for line in reversed(lines[bool(skipped) : -1]):
        with suppress(ValueError):
            content = json.loads(line)
            if isinstance(content, dict):
                yield content


def decision_of(content: dict[str, Any]) -> DecisionEntry:
    """Read a decision from its JSON; one of another form raises an error of `MALFORMED`."""
    known = {name: content[name] for name in DecisionEntry.__dataclass_fields__ if name in content}
    scored = content.get("candidate")
    known["candidate"] = None if scored is None else _scores(scored)
    for group in ("rivals", "seasons"):
        known[group] = {name: _scores(each) for name, each in content.get(group, {}).items()}
    entry = DecisionEntry(**known)
    _require(str, entry.time, entry.model, entry.sentence, entry.who, entry.run_id)
    _require(str | None, entry.preset, entry.cell, entry.trained_through, entry.data_sha256)
    _require(str | None, entry.outcome)
    _require(int | None, entry.version, entry.judged_against, entry.skill_horizon, entry.origins)
    return entry


def move_of(content: dict[str, Any]) -> MoveEntry:
    """Read a change of champion from its JSON; raises as `decision_of`."""
    entry = MoveEntry(**{name: content[name] for name in MoveEntry.__dataclass_fields__})
    _require(str, entry.time, entry.model, entry.who, entry.why)
    _require(int | None, entry.before)
    _require(int, entry.after)
    return entry


def _scores(content: dict[str, Any]) -> LeadScores:
    known = {name: content[name] for name in LeadScores.__dataclass_fields__ if name in content}
    columns = {name: tuple(each) for name, each in known.items() if isinstance(each, list)}
    scores = LeadScores(**(known | columns))
    _require(float | int | None, scores.mean_mae, *(each for of in columns.values() for each in of))
    _require(tuple, scores.mae_by_lead)
    _require(tuple | None, *(getattr(scores, name) for name in known.keys() - {"mean_mae"}))
    return scores


def _require(kind: Any, *values: object) -> None:  # noqa: ANN401 - a type, or several
    """Refuse what has another type than its field, which a page could not show."""
    if not all(isinstance(value, kind) for value in values):
        raise TypeError
