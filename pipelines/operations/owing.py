"""Tell the decisions that a retraining took and was killed before it told: each once at least."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from forecasting.stores.decisions import DecisionEntry, read_decisions
from forecasting.stores.intentions import intended
from forecasting.stores.liveness import Process, is_gone
from pipelines.outcomes import PROMOTED, PROPOSED, REFUSED
from pipelines.telling import has_told


def tell_owed(root: Path, *, dry_run: bool = False) -> list[str]:
    """Tell what dead processes owe; returns the decisions that were told, or would be.

    Nothing is owed of a run that came to no decision. One whose promotion is not healed yet waits.
    """
    told = []
    for path, owed in _owed(root):
        model, run_id = str(owed["model"]), str(owed["run_id"])
        process = Process.of(str(owed["process"]))
        left = intended(root, model)
        waits = left is not None and left.entry.run_id == run_id
        if waits or (process is not None and not is_gone(root, process, path.stat().st_mtime)):
            continue
        entry = _decision_of(root, model, run_id)
        if entry is not None:
            told.append(f"{model}: {entry.sentence}")
        if dry_run:
            continue
        if entry is None or has_told(str(entry.outcome), model, entry.version, entry.sentence):
            path.unlink(missing_ok=True)
    return told


def _owed(root: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield each notice that somebody wrote down as owed; one that cannot be read is left out."""
    for path in sorted((root / "notices").glob("*/*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            content = json.loads(path.read_bytes())
            yield path, {name: content[name] for name in ("model", "run_id", "process")}


def _decision_of(root: Path, model: str, run_id: str) -> DecisionEntry | None:
    """Return what the gate decided last of a run."""
    words = (PROMOTED, PROPOSED, REFUSED)
    found = (each for each in read_decisions(root, model) if each.run_id == run_id)
    return next((each for each in found if each.outcome in words), None)
