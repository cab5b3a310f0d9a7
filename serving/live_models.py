"""Hold the live version of every model; swap in the background, keep the old on any failure."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, Literal, Protocol, TypeVar

from forecasting.errors import GatecastError, ModelInvalid, NoChampion
from forecasting.stores.files import safe_name
from forecasting.stores.published import (
    Pointer,
    pointer_path,
    published_models,
    read_pointer,
    version_folder,
)
from serving.backoff import Backoff

#: What reading a damaged or vanished file can raise, once its reader trusts the file's shape.
UNREADABLE: Final = (GatecastError, OSError, ValueError, TypeError, KeyError, AttributeError)

#: Where a live model's files were read: in the home folder, or in the local copy of it.
Source = Literal["home", "cache"]

logger = logging.getLogger(__name__)


class Published(Protocol):
    """What can be live: it knows the pointer that it was loaded from."""

    @property
    def pointer(self) -> Pointer:
        """Which version it is."""


Served = TypeVar("Served", bound=Published)


@dataclass(frozen=True, kw_only=True)
class Live(Generic[Served]):
    """A live model, the pointer that was followed to it, from where, and since when (Unix)."""

    served: Served
    followed: Pointer
    source: Source
    since: float


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a live model stands, as metrics and the readiness answer tell it."""

    model: str
    version: int
    alias: str
    source: Source
    since: float
    last_failure: str | None


def is_there(folder: Path) -> bool:
    """Return whether a folder can be reached; storage that answers with an error cannot."""
    try:
        return folder.is_dir()
    except OSError:
        return False


class LiveModels(Generic[Served]):
    """The live model of every name with a prefix, kept in step with the published pointers.

    Args:
        root: the home folder.
        prefix: which models these are.
        load: makes a live model of a version's folder, or refuses it.
        clock: seconds that only grow.
        cache: a local folder with the last known good, in the home's layout; None for none.
    """

    def __init__(
        self,
        root: Path,
        prefix: str,
        load: Callable[[Path, Pointer], Served],
        clock: Callable[[], float],
        cache: Path | None = None,
    ) -> None:
        self._root = root
        self._cache = cache
        self._prefix = prefix
        self._load = load
        self._live: Mapping[str, Live[Served]] = {}
        self._failures = Backoff(clock)
        self._copies_refused = Backoff(clock)
        # One look at a time, whoever asks for it.
        self._looking = threading.Lock()
        #: Whether the last look found the home folder.
        self.home_there = True
        self.swaps = 0
        self.swap_failed = 0
        self.fallbacks = 0

    def of(self, model: str) -> Served:
        """Return the model's live champion.

        Raises:
            NoChampion: nothing has been promoted, or it was withdrawn.
        """
        try:
            return self._live[model].served
        except KeyError:
            raise NoChampion("it has no champion", expected="a promoted version") from None

    @property
    def models(self) -> tuple[str, ...]:
        """The names of all models with a live champion, sorted."""
        return tuple(sorted(self._live))

    @property
    def standings(self) -> tuple[Standing, ...]:
        """How every live model stands, by name."""
        return tuple(
            Standing(
                model=model,
                version=live.served.pointer.version,
                alias=live.served.pointer.alias,
                source=live.source,
                since=live.since,
                last_failure=self._failures.code(model),
            )
            for model, live in sorted(self._live.items())
        )

    @property
    def failing(self) -> Mapping[str, str]:
        """The code of the last failure of every model whose pointer cannot be followed."""
        return {name: self._failures.code(name) or "" for name in sorted(self._failures.names)}

    @property
    def from_home(self) -> tuple[Pointer, ...]:
        """The pointers of the home folder that live models were loaded from."""
        return tuple(live.followed for live in self._live.values() if live.source == "home")

    def refresh(self) -> None:
        """Look once at every pointer: load what is new, drop what was withdrawn."""
        with self._looking:
            self._look()

    def _look(self) -> None:
        self.home_there = is_there(self._root)
        published = self._named(self._root)
        copied = self._named(self._cache) if self._cache is not None else set()
        for model in sorted(published | copied | self._live.keys() | self._failures.names):
            pointer: Pointer | None = None
            try:
                pointer = read_pointer(self._root, model)
                self._follow(model, pointer)
            except NoChampion:
                if self._is_withdrawn(model):
                    self._drop(model)
                    continue
            except UNREADABLE as error:
                self._note_failure(model, pointer, error)
            if model not in self._live and self._cache is not None:
                self._use_copy(model, self._cache)

    def _named(self, root: Path) -> set[str]:
        try:
            return {name for name in published_models(root) if name.startswith(self._prefix)}
        except OSError:
            return set()

    def _follow(self, model: str, pointer: Pointer) -> None:
        current = self._live.get(model)
        if current is not None and current.followed == pointer and current.source == "home":
            self._failures.forget(model)
            return
        if self._failures.rests(model, pointer):
            return
        loaded = self._loaded(self._root, model, pointer)
        self._swap(model, Live(served=loaded, followed=pointer, source="home", since=time.time()))
        self._failures.forget(model)
        self.swaps += 1
        logger.info("champion %s is version %d", model, pointer.version)

    def _loaded(self, root: Path, model: str, pointer: Pointer) -> Served:
        if pointer.model != model:
            raise ModelInvalid("another model's pointer", expected=model, found=pointer.model)
        safe_name(pointer.folder)
        return self._load(version_folder(root, pointer), pointer)

    def _use_copy(self, model: str, cache: Path) -> None:
        """Start from the local copy, where the home folder does not give a model."""
        pointer: Pointer | None = None
        try:
            pointer = read_pointer(cache, model)
            if self._copies_refused.rests(model, pointer):
                return
            loaded = self._loaded(cache, model, pointer)
        except NoChampion:
            return
        except UNREADABLE as error:
            if not self._copies_refused.rests(model, pointer):
                self._copies_refused.note(model, pointer, code_of(error))
                logger.warning("the copy of champion %s is not used: %s", model, error)
            return
        self._swap(model, Live(served=loaded, followed=pointer, source="cache", since=time.time()))
        logger.warning("champion %s is version %d, from its copy", model, pointer.version)

    def _swap(self, model: str, live: Live[Served]) -> None:
        # One assignment of a whole mapping: a request sees the old champion or the new one.
        self._live = {**self._live, model: live}

    def _is_withdrawn(self, model: str) -> bool:
        # A missing folder is storage that went away, not a decision: keep the last known good.
        return is_there(pointer_path(self._root, model).parent)

    def _drop(self, model: str) -> None:
        self._live = {name: live for name, live in self._live.items() if name != model}
        self._failures.forget(model)

    def _note_failure(self, model: str, pointer: Pointer | None, error: Exception) -> None:
        if self._failures.rests(model, pointer):
            return
        pause = self._failures.note(model, pointer, code_of(error))
        self.swap_failed += 1
        logger.warning("champion %s not swapped, next try in %.0f s: %s", model, pause, error)


def code_of(error: Exception) -> str:
    """Return a refusal's own code, and UNREADABLE for what a damaged file raised."""
    return error.code if isinstance(error, GatecastError) else "UNREADABLE"
