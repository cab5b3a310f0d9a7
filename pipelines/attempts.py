"""Remember what the last retraining of a model was given, and what the data checks said of it."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from data_checks.verdict import Admission
from forecasting.stores.files import safe_name, write_json


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """The files of a retraining by their SHA-256, and the verdict of the checks on them.

    `code` is the first refusal's; `data_sha256` is None where the files were refused; `run_id` is
    the retraining's.
    """

    files_sha256: tuple[str, ...]
    verdict: str
    code: str | None
    data_sha256: str | None
    run_id: str = ""


def keep(root: Path, model: str, admission: Admission, run_id: str) -> None:
    """Note a model's newest attempt, a run's, durably.

    Files that were refused are done with. Those that were accepted are so once a decision came of
    them (`settle`): a retraining that is killed on the way leaves them as new as they were.
    """
    refusals = [reason.code for reason in admission.reasons if reason.effect == "refused"]
    attempt = Attempt(
        files_sha256=admission.files_sha256,
        verdict=admission.verdict,
        code=refusals[0] if refusals else None,
        data_sha256=admission.data_sha256,
        run_id=run_id,
    )
    refused = admission.series is None
    path = attempt_path(root, model) if refused else _begun_path(root, model)
    write_json(path, asdict(attempt))


def settle(root: Path, model: str, run_id: str) -> None:
    """Let the attempt that was begun last count, where a decision has come of that very run.

    A backfill begins none: what a killed retraining has begun before it stays as new as it was.
    """
    begun = _read(_begun_path(root, model))
    if begun is not None and begun.run_id == run_id:
        _begun_path(root, model).replace(attempt_path(root, model))


def last_attempt(root: Path, model: str) -> Attempt | None:
    """Return a model's newest attempt; None where there was none, or its note is spoilt."""
    return _read(attempt_path(root, model))


def _read(path: Path) -> Attempt | None:
    with suppress(OSError, ValueError, TypeError, KeyError):
        content = json.loads(path.read_bytes())
        return Attempt(**{**content, "files_sha256": tuple(content["files_sha256"])})
    return None


def attempt_path(root: Path, model: str) -> Path:
    """Return where a model's newest attempt is noted."""
    return root / "attempts" / f"{safe_name(model)}.json"


def _begun_path(root: Path, model: str) -> Path:
    return root / "attempts" / "begun" / f"{safe_name(model)}.json"
