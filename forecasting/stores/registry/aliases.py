"""Move the champion's alias: read, compare, set, publish and log under one lock."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from forecasting.errors import GatecastError, ManifestMismatch, NoChampion
from forecasting.faults import reach
from forecasting.settings import Settings
from forecasting.stores.decisions import DecisionEntry, MoveEntry, append_move, moves_path
from forecasting.stores.fencing import Fence, note_promoted, require_not_older
from forecasting.stores.files import safe_name
from forecasting.stores.intentions import Intention, complete, forget, intend, intended, log_done
from forecasting.stores.locks import Held, held_lock
from forecasting.stores.published import (
    SERVED_ALIAS,
    Pointer,
    publish,
    read_pointer,
    verify_manifest,
    version_folder,
)
from forecasting.stores.registry.versions import fetch, store_errors

CHAMPION, CHALLENGER, PREVIOUS = SERVED_ALIAS, "challenger", "previous"

#: Longest wait for another promotion of the same model, in seconds.
LOCK_WAIT = 120.0


class ChampionMoved(GatecastError):
    """Somebody else promoted a version between the judgement and the promotion."""

    code = "CHAMPION_MOVED"


@dataclass(frozen=True, kw_only=True)
class Move:
    """A change of champion: what was judged, by whom, why.

    `fence` is that of a retraining, which another one may have overtaken; `token` the number of
    the version's own retraining, where a person promotes it later. `entry` is the decision as its
    log is to have it; where it is None, the log has who and why.
    """

    model: str
    version: int
    judged_against: int | None
    who: str
    why: str
    fence: Fence | None = None
    token: int | None = None
    entry: DecisionEntry | None = None

    @property
    def number(self) -> int | None:
        """The token of the retraining that made the version; None where nothing says it."""
        return self.token if self.fence is None else self.fence.token

    def moved(self, before: int | None) -> MoveEntry:
        """Return the move's line of the log, where it is made at this moment."""
        time = datetime.now(UTC).isoformat()
        after, who, why = self.version, self.who, self.why
        return MoveEntry(time=time, model=self.model, before=before, after=after, who=who, why=why)


@contextmanager
def promotion_lock(settings: Settings, model: str) -> Iterator[Held]:
    """Hold the one lock of a model's aliases.

    Raises:
        AlreadyRunning: another promotion held it for longer than the wait.
    """
    name, busy = f"promote-{safe_name(model)}", f"another promotion of {model} is running"
    address = settings.lock_address
    with held_lock(settings.root, name, address=address, wait=LOCK_WAIT, busy=busy) as held:
        yield held


def alias_of(client: MlflowClient, model: str, alias: str) -> int | None:
    """Return the version that has the alias, or None."""
    with store_errors():
        try:
            aliases = client.get_registered_model(model).aliases
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
    version = aliases.get(alias)
    return None if version is None else int(version)


def promote(
    client: MlflowClient,
    settings: Settings,
    move: Move,
    check: Callable[[Path], None] | None = None,
) -> Pointer:
    """Make a version champion, keep the earlier one as `previous`, publish, log.

    Args:
        client: the open store.
        settings: where things are kept.
        move: the version, and the champion that it was judged against.
        check: looks at the version's verified files and raises where they will not do.

    Raises:
        ChampionMoved: the champion is not the one that the candidate was judged against.
        Fenced: a later retraining has overtaken the version's own.
        ManifestMismatch: the version's files are not whole.
        LockLost: the lock was lost on the way; where the alias is set by then, `heal` publishes it.
    """
    reach("promote.begun")
    with promotion_lock(settings, move.model) as held, tempfile.TemporaryDirectory() as scratch:
        reach("promote.locked")
        _settle(client, settings, move.model)
        present = require_unmoved(client, settings.root, move)
        files = fetch(client, move.model, move.version, Path(scratch))
        if check is not None:
            check(files)
        reach("promote.checked")
        held.require()
        note_promoted(settings.root, move.model, move.number)
        intention = _intention_of(client, move, present)
        intend(settings.root, intention)
        reach("promote.intended")
        with store_errors():
            if present is not None and present != move.version:
                client.set_registered_model_alias(move.model, PREVIOUS, str(present))
                reach("promote.kept")
            client.set_registered_model_alias(move.model, CHAMPION, str(move.version))
            reach("promote.named")
            if alias_of(client, move.model, CHALLENGER) == move.version:
                client.delete_registered_model_alias(move.model, CHALLENGER)
        # Logged before it is published: what is cut off here, `heal` finds by its old pointer.
        log_done(settings.root, intention, settings.lock_address)
        held.require()
        pointer = _publish(client, settings, move.model, move.version, files)
        forget(settings.root, move.model)
    return pointer


def _intention_of(client: MlflowClient, move: Move, before: int | None) -> Intention:
    """Return what the logs are to say of a move."""
    entry = move.entry or DecisionEntry(
        model=move.model,
        version=move.version,
        run_id=_run_of(client, move.model, move.version),
        promoted=True,
        sentence=move.why,
        who=move.who,
        outcome="promoted",
    )
    return Intention(move=move.moved(before), entry=entry)


def _settle(client: MlflowClient, settings: Settings, model: str) -> bool:
    """Complete what a promotion that was cut off intended; says whether its alias was moved.

    Where it was not, nothing came of it, and the next intention or `heal` takes it away.
    """
    left = intended(settings.root, model)
    if left is None or left.move.after != alias_of(client, model, CHAMPION):
        return False
    complete(settings.root, left, settings.lock_address)
    return True


def require_unmoved(client: MlflowClient, root: Path, move: Move) -> int | None:
    """Return the present champion, which has to be the one of the judgement; under the lock.

    Raises:
        ChampionMoved: it is another one.
        Fenced: a later retraining has overtaken the version's own.
    """
    if move.fence is not None:
        move.fence.require_newest(root)
    require_not_older(root, move.model, move.number)
    present = alias_of(client, move.model, CHAMPION)
    if present != move.judged_against:
        raise ChampionMoved(
            f"the champion of {move.model} has changed since the judgement",
            expected=f"version {move.judged_against}",
            found=f"version {present}",
        )
    return present


def set_challenger(client: MlflowClient, model: str, version: int) -> None:
    """Name the version that a reviewer should look at next."""
    with store_errors():
        client.set_registered_model_alias(model, CHALLENGER, str(version))


def previous_champion(client: MlflowClient, model: str) -> tuple[int, int]:
    """Return the champion and the one before it.

    Raises:
        NoChampion: there is no champion, or none before it.
    """
    champion = alias_of(client, model, CHAMPION)
    previous = alias_of(client, model, PREVIOUS)
    if champion is None or previous is None:
        raise NoChampion(
            f"{model} cannot be rolled back",
            expected="a champion and a previous one",
            found=f"champion {champion}, previous {previous}",
        )
    return champion, previous


def heal(client: MlflowClient, settings: Settings, model: str) -> Pointer | None:
    """Publish the registry's champion where the pointer names another version, or spoilt files.

    The registry is the truth: this mends a promotion that was cut off before its pointer was
    written, and carries an alias set in the MLflow UI to the API. A missing alias leaves the
    last known good in place. A decision that was intended becomes its log's line where the alias
    was moved, and is dropped where it was not. Returns the new pointer, or None when nothing was
    to publish.
    """
    with promotion_lock(settings, model) as held, tempfile.TemporaryDirectory() as scratch:
        champion = alias_of(client, model, CHAMPION)
        completed = _settle(client, settings, model)
        if champion is None or _stands(settings.root, model, champion):
            forget(settings.root, model)
            return None
        files = fetch(client, model, champion, Path(scratch))
        before = _published(settings.root, model)
        held.require()
        pointer = _publish(client, settings, model, champion, files)
        move = Move(
            model=model,
            version=champion,
            judged_against=before,
            who="registry",
            why="the pointer or its files were not those of the registry's alias",
        )
        if not completed:
            record(settings.root, move, before=before, address=settings.lock_address)
        forget(settings.root, model)
    return pointer


def is_behind(client: MlflowClient, settings: Settings, model: str) -> bool:
    """Say whether another version than the champion, or a spoilt one, is what is published."""
    champion = alias_of(client, model, CHAMPION)
    return champion is not None and not _stands(settings.root, model, champion)


def _published(root: Path, model: str) -> int | None:
    try:
        return read_pointer(root, model).version
    except NoChampion:
        return None


def _stands(root: Path, model: str, version: int) -> bool:
    """Say whether the version is the published one and every byte of it is there."""
    try:
        pointer = read_pointer(root, model)
        verify_manifest(version_folder(root, pointer), pointer.manifest_sha256)
    except (NoChampion, ManifestMismatch):
        return False
    return pointer.version == version


def _publish(
    client: MlflowClient, settings: Settings, model: str, version: int, files: Path
) -> Pointer:
    run_id = _run_of(client, model, version)
    return publish(settings.root, files, version=version, alias=CHAMPION, run_id=run_id)


def _run_of(client: MlflowClient, model: str, version: int) -> str:
    with store_errors():
        return client.get_model_version(model, str(version)).run_id or ""


def record(root: Path, move: Move, *, before: int | None, address: str | None = None) -> None:
    """Append a change of champion to the promotion log, with the champion before."""
    append_move(root, move.moved(before), address)


def read_log(root: Path) -> list[dict[str, Any]]:
    """Return the promotion log, oldest first; a line that a killed process left is left out."""
    path = moves_path(root)
    entries = []
    for line in path.read_bytes().splitlines() if path.exists() else []:
        with suppress(ValueError):
            entries.append(json.loads(line))
    return entries
