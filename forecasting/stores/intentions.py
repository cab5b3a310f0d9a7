"""Write a decision down before its alias moves, so that a move that is cut off keeps its line.

Every function here but `under_way` is called under the promotion lock of the model.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from forecasting.faults import reach
from forecasting.stores.decisions import (
    MALFORMED,
    DecisionEntry,
    MoveEntry,
    append_decision,
    append_move,
    decision_of,
    decisions_path,
    move_of,
    read_decisions,
    read_moves,
)
from forecasting.stores.files import write_json

#: How the file of an intended decision ends, behind its model's name.
INTENDED: Final = ".intended.json"


@dataclass(frozen=True, kw_only=True)
class Intention:
    """What both logs are to say once the alias is moved."""

    move: MoveEntry
    entry: DecisionEntry


def intention_path(root: Path, model: str) -> Path:
    """Return where a model's intended decision lies, beside its decisions."""
    return decisions_path(root, model).with_suffix(INTENDED)


def under_way(root: Path) -> list[str]:
    """Return the models of which a promotion is under way or was cut off, without the lock."""
    paths = (root / "decisions").glob(f"*{INTENDED}")
    return sorted(path.name.removesuffix(INTENDED) for path in paths)


def intend(root: Path, intention: Intention) -> None:
    """Write down durably what is about to be done.

    Raises:
        StorageFailed: the disk refused; no alias may move then.
    """
    write_json(intention_path(root, intention.move.model), asdict(intention))


def intended(root: Path, model: str) -> Intention | None:
    """Return what was about to be done when somebody was stopped; None where nothing was."""
    with suppress(FileNotFoundError, *MALFORMED):
        content = json.loads(intention_path(root, model).read_bytes())
        return Intention(move=move_of(content["move"]), entry=decision_of(content["entry"]))
    return None


def log_done(root: Path, intention: Intention, address: str | None = None) -> None:
    """Append the lines of what has just been done to both logs."""
    append_move(root, intention.move, address)
    reach("promote.recorded")
    append_decision(root, intention.entry, address)
    reach("promote.logged")


def complete(root: Path, intention: Intention, address: str | None = None) -> None:
    """Append what the logs lack of an intention whose alias was found moved."""
    move, entry = intention.move, intention.entry
    if move not in read_moves(root, move.model):
        append_move(root, move, address)
    if entry not in read_decisions(root, entry.model):
        append_decision(root, entry, address)


def forget(root: Path, model: str) -> None:
    """Drop the intention: it is done and logged, or nothing came of it."""
    intention_path(root, model).unlink(missing_ok=True)
