"""Hold the live champion of every model; swap in the background, keep the old on any failure."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

from forecasting.errors import GatecastError, ModelInvalid, NoChampion
from forecasting.stores.files import safe_name
from forecasting.stores.published import (
    Pointer,
    pointer_path,
    published_models,
    read_pointer,
    version_folder,
)
from serving.runtime import Forecaster

#: What reading a damaged or vanished file can raise, once its reader trusts the file's shape.
UNREADABLE: Final = (GatecastError, OSError, ValueError, TypeError, KeyError, AttributeError)

#: Only these are climate models; the language models beside them are served elsewhere.
PREFIX: Final = "climate-"

LONGEST_BACKOFF_SECONDS: Final = 60.0

logger = logging.getLogger(__name__)


class Published(Protocol):
    """What can be live: it knows the pointer that it was loaded from."""

    @property
    def pointer(self) -> Pointer:
        """Which version it is."""


Served = TypeVar("Served", bound=Published)


@dataclass(frozen=True, kw_only=True)
class _Failure:
    """A pointer that could not be followed, and when it is tried again."""

    pointer: Pointer | None
    tries: int
    retry_at: float


class LiveModels(Generic[Served]):
    """The live model of every name with a prefix, kept in step with the published pointers.

    Args:
        root: the home folder.
        prefix: which models these are.
        load: makes a live model of a version's folder, or refuses it.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        root: Path,
        prefix: str,
        load: Callable[[Path, Pointer], Served],
        clock: Callable[[], float],
    ) -> None:
        self._root = root
        self._prefix = prefix
        self._load = load
        self._clock = clock
        self._live: Mapping[str, Served] = {}
        self._failures: dict[str, _Failure] = {}
        self.swaps = 0
        self.swap_failed = 0

    def of(self, model: str) -> Served:
        """Return the model's live champion.

        Raises:
            NoChampion: nothing has been promoted, or it was withdrawn.
        """
        try:
            return self._live[model]
        except KeyError:
            raise NoChampion("it has no champion", expected="a promoted version") from None

    @property
    def models(self) -> tuple[str, ...]:
        """The names of all models with a live champion, sorted."""
        return tuple(sorted(self._live))

    def refresh(self) -> None:
        """Look once at every pointer: load what is new, drop what was withdrawn."""
        published = {name for name in published_models(self._root) if name.startswith(self._prefix)}
        for model in sorted(published | self._live.keys() | self._failures.keys()):
            pointer: Pointer | None = None
            try:
                pointer = read_pointer(self._root, model)
                self._follow(model, pointer)
            except NoChampion:
                self._drop_if_withdrawn(model)
            except UNREADABLE as error:
                self._note_failure(model, pointer, error)

    def _follow(self, model: str, pointer: Pointer) -> None:
        current = self._live.get(model)
        if current is not None and current.pointer == pointer:
            self._failures.pop(model, None)
            return
        if self._backing_off(model, pointer):
            return
        if pointer.model != model:
            raise ModelInvalid("another model's pointer", expected=model, found=pointer.model)
        safe_name(pointer.folder)
        loaded = self._load(version_folder(self._root, pointer), pointer)
        # One assignment of a whole mapping: a request sees the old champion or the new one.
        self._live = {**self._live, model: loaded}
        self._failures.pop(model, None)
        self.swaps += 1
        logger.info("champion %s is version %d", model, pointer.version)

    def _backing_off(self, model: str, pointer: Pointer | None) -> bool:
        failure = self._failures.get(model)
        return (
            failure is not None and failure.pointer == pointer and self._clock() < failure.retry_at
        )

    def _drop_if_withdrawn(self, model: str) -> None:
        # A missing folder is storage that went away, not a decision: keep the last known good.
        if pointer_path(self._root, model).parent.is_dir():
            self._live = {name: live for name, live in self._live.items() if name != model}
            self._failures.pop(model, None)

    def _note_failure(self, model: str, pointer: Pointer | None, error: Exception) -> None:
        if self._backing_off(model, pointer):
            return
        before = self._failures.get(model)
        tries = before.tries + 1 if before is not None and before.pointer == pointer else 1
        pause = min(LONGEST_BACKOFF_SECONDS, 0.5 * 2**tries)
        self._failures[model] = _Failure(
            pointer=pointer, tries=tries, retry_at=self._clock() + pause
        )
        self.swap_failed += 1
        logger.warning("champion %s not swapped, next try in %.0f s: %s", model, pause, error)


class Champions(LiveModels[Forecaster]):
    """The live forecaster per climate model.

    Args:
        root: the home folder.
        clock: seconds that only grow.
    """

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(root, PREFIX, Forecaster.load, clock)
