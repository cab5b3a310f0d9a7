"""Let a short-lived child bring the pointers in step when the registry has changed."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from serving.live_models import is_there
from serving.reconciling import RECONCILE, Child, Run
from serving.registry_changes import Pace, Store, store_of
from serving.settings import ServingSettings

#: While a child runs its end is looked for so often, in seconds.
CHILD_LOOK = 0.2

logger = logging.getLogger(__name__)


class Healer:
    """Starts the reconciling child when the store has changed; one at a time in a home.

    Args:
        root: the home folder, handed to the child.
        tracking: the MLflow address, handed to the child.
        command: the child's command line.
        store: what is watched; from the tracking address when None.
        pace: how often; from the tracking address when None.
        make_home: whether a home folder that is not there may be made.
    """

    def __init__(
        self,
        root: Path,
        tracking: str,
        *,
        command: Sequence[str] = RECONCILE,
        store: Store | None = None,
        pace: Pace | None = None,
        make_home: bool = True,
    ) -> None:
        usual_store, usual_pace = store_of(tracking, root)
        self._root = root
        self._store = store or usual_store
        self._pace = pace or usual_pace
        self._make_home = make_home
        self._command = tuple(command)
        self._environment = {"GATECAST_HOME": str(root), "GATECAST_TRACKING_URI": tracking}
        # Other workers of this home hold the same lock and read what the last run found.
        self._lock = FileLock(root / "locks" / "heal.lock", blocking=False)
        self._told = root / "locks" / "healed.json"
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._nudged = threading.Event()
        self._thread = threading.Thread(target=self._run, name="healer", daemon=True)
        self._child: Child | None = None
        self._began = 0.0
        self._pending_since: float | None = None
        self._next_start = 0.0
        self._last = Run()
        self._failures = 0
        self.failed = 0

    @classmethod
    def of(cls, settings: ServingSettings) -> "Healer":
        """Build the healer of an app."""
        # A home with copies beside it can go away: nobody may make another in its place.
        return cls(settings.root, settings.tracking, make_home=settings.copies is None)

    @property
    def last_reached(self) -> float | None:
        """When the registry was last asked with success (Unix), by any worker of this home."""
        return self._last.asked or None

    @property
    def deleted(self) -> Mapping[str, int]:
        """The published version of every model whose version was deleted in the registry."""
        return self._last.deleted

    @property
    def alive(self) -> bool:
        """Whether the registry is being watched."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to watch and return at once."""
        self._thread.start()

    def stop(self) -> None:
        """End the watch and a running child; returns when both are gone."""
        self._stop.set()
        self._wake.set()
        self._thread.join()

    def nudge(self) -> None:
        """Let the child run at once, whatever the store says and however lately one ran."""
        self._nudged.set()
        self._wake.set()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._wake.clear()
                try:
                    self._look()
                except OSError as error:
                    self._retry_later(str(error))
                self._wake.wait(
                    self._pace.look if self._child is None else min(CHILD_LOOK, self._pace.look)
                )
        finally:
            self._store.close()
            if self._child is not None:
                self._child.end(self._pace.child_grace)
            self._lock.release()

    def _look(self) -> None:
        if self._child is not None:
            self._watch_child(self._child)
        if self._child is not None:
            return
        if self._store.changed():
            self._pending_since = time.time()
        told = Run.read(self._told)
        if told.asked > self._last.asked:
            self._keep_distance(told)
            self._learn(told)
        if self._nudged.is_set():
            self._nudged.clear()
            self._pending_since, self._next_start = time.time(), 0.0
        if self._pending_since is not None and time.monotonic() >= self._next_start:
            self._start_child()

    def _learn(self, run: Run) -> None:
        """Take over what a run found; it may have seen what is pending here."""
        for model in run.deleted.keys() - self._last.deleted.keys():
            logger.error(
                "version %d of %s was deleted in the registry; its copy here still answers",
                *(run.deleted[model], model),
            )
        self._last = run
        if self._pending_since is not None and run.asked > self._pending_since:
            self._pending_since = None

    def _keep_distance(self, run: Run) -> None:
        """Let another worker's run count as ours, so that many workers ask no more often."""
        rest = min(self._pace.spacing, max(0.0, run.asked + self._pace.spacing - time.time()))
        self._next_start = max(self._next_start, time.monotonic() + rest)

    def _start_child(self) -> None:
        if not (self._make_home or is_there(self._root)):
            return
        self._told.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except Timeout:
            # Another worker's child is at it; if it began before our change, ours runs after it.
            return
        self._next_start = time.monotonic() + self._pace.spacing
        self._began, pending, self._pending_since = time.time(), self._pending_since, None
        try:
            self._child = Child(self._command, self._environment)
        except OSError:
            self._lock.release()
            self._pending_since = pending
            raise

    def _watch_child(self, child: Child) -> None:
        code = child.poll()
        if code is None and child.age < self._pace.child_deadline:
            return
        ending = child.end(self._pace.child_grace)
        self._child = None
        try:
            if code == 0 or ending.report:
                run = Run.of(self._began, ending.report)
                run.write(self._told)
                self._learn(run)
            if code == 0:
                self._failures = 0
            else:
                self._retry_later(ending.complaint[:500] or "no word")
        finally:
            self._lock.release()

    def _retry_later(self, complaint: str) -> None:
        self._failures += 1
        self.failed += 1
        spacing = min(self._pace.longest_spacing, self._pace.spacing * 2.0**self._failures)
        self._next_start = time.monotonic() + spacing
        self._pending_since = self._pending_since or time.time()
        logger.warning("the registry was not reconciled, next in %.0f s: %s", spacing, complaint)
