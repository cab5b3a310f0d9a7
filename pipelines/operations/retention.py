"""Say what may go by the policy: never what an aliased version is, or was made from."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How much is kept: the newest `versions` of each model, and all younger than `days`."""

    versions: int
    days: float


@dataclass(frozen=True, kw_only=True)
class OldVersion:
    """A registered version: `data` are the series that it was trained on, `judged` its stand-in."""

    model: str
    version: int
    age: float
    run: str
    aliased: bool = False
    judged: int | None = None
    data: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class OldRun:
    """An MLflow run; one that is open is somebody's."""

    run: str
    age: float
    parent: str | None = None
    is_open: bool = False


@dataclass(frozen=True, kw_only=True)
class OldData:
    """An admitted series, and the raw files that it was read from."""

    sha256: str
    age: float
    files: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class OldFile:
    """A landed raw file of a dataset."""

    sha256: str
    age: float
    dataset: str


@dataclass(frozen=True, kw_only=True)
class History:
    """All that has been kept so far; ages in days.

    `live` are the series that stations answer from. `unknown` says that of some version nobody
    can tell what it was trained on, so that no data may go.
    """

    versions: tuple[OldVersion, ...] = ()
    runs: tuple[OldRun, ...] = ()
    data: tuple[OldData, ...] = ()
    files: tuple[OldFile, ...] = ()
    live: frozenset[str] = frozenset()
    unknown: bool = False


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """What goes: versions as (model, version), the rest by name."""

    versions: frozenset[tuple[str, int]] = field(default_factory=frozenset)
    runs: frozenset[str] = field(default_factory=frozenset)
    data: frozenset[str] = field(default_factory=frozenset)
    files: frozenset[str] = field(default_factory=frozenset)


def prune(history: History, policy: Policy) -> Pruning:
    """Return what goes: what is old, not among the newest, and needed by nothing that stays."""
    kept = kept_versions(history, policy)
    runs = _kept_runs(history, policy, {each.run for each in kept})
    data = _kept_data(history, policy, kept)
    files = _kept_files(history, policy, data)
    staying = {(each.model, each.version) for each in kept}
    return Pruning(
        versions=frozenset({(v.model, v.version) for v in history.versions} - staying),
        runs=frozenset({each.run for each in history.runs} - runs),
        data=frozenset({each.sha256 for each in history.data} - data),
        files=frozenset({each.sha256 for each in history.files} - files),
    )


def kept_versions(history: History, policy: Policy) -> list[OldVersion]:
    """Return the versions that stay."""
    aliased = [each for each in history.versions if each.aliased]
    needed = {(each.model, each.version) for each in aliased}
    needed |= {(each.model, each.judged) for each in aliased if each.judged is not None}
    for model in {each.model for each in history.versions}:
        numbers = sorted(each.version for each in history.versions if each.model == model)
        needed |= {(model, number) for number in numbers[-policy.versions :]}
    return [
        each
        for each in history.versions
        if each.age < policy.days or (each.model, each.version) in needed
    ]


def _kept_runs(history: History, policy: Policy, needed: set[str]) -> set[str]:
    """Return the runs that stay: with a needed one its whole family does."""
    parents = {each.run: each.parent for each in history.runs}
    families = {parents.get(run) or run for run in needed}
    families |= {each.parent or each.run for each in history.runs if _is_wanted(each, policy)}
    return {each.run for each in history.runs if (each.parent or each.run) in families}


def _is_wanted(run: OldRun, policy: Policy) -> bool:
    return run.is_open or run.age < policy.days


def _kept_data(history: History, policy: Policy, kept: list[OldVersion]) -> set[str]:
    needed = frozenset().union(history.live, *(each.data for each in kept))
    return {
        each.sha256
        for each in history.data
        if history.unknown or each.age < policy.days or each.sha256 in needed
    }


def _kept_files(history: History, policy: Policy, data: set[str]) -> set[str]:
    """Return the raw files that stay: those of kept data, the young, each dataset's newest."""
    needed = frozenset().union(*(each.files for each in history.data if each.sha256 in data))
    newest: dict[str, float] = {}
    for each in history.files:
        newest[each.dataset] = min(each.age, newest.get(each.dataset, each.age))
    return {
        each.sha256
        for each in history.files
        if history.unknown
        or each.age < policy.days
        or each.age <= newest[each.dataset]
        or each.sha256 in needed
    }
