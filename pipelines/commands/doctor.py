"""The verb `doctor`: look at pins, ports and stores, and say what is wrong."""

import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement

from forecasting.errors import GatecastError, TrackingUnavailable
from forecasting.settings import Settings, load_settings, without_password
from forecasting.stores.locks import held_lock
from forecasting.stores.published import published_models, read_pointer, verify_manifest
from forecasting.stores.published import version_folder as folder_of
from forecasting.stores.registry.store import ensure_store, forbid_pickle
from forecasting.stores.stations import list_stations, read_station
from pipelines.commands.output import print_json, print_line, print_table
from pipelines.commands.schedule import port_free

LOCK = Path(__file__).resolve().parent.parent.parent / "requirements.lock"

#: Installed with pip by its exact version, and so not in the lock file.
TORCH = "2.13.0"

PORTS = {8000: "the API", 4200: "the Prefect server", 5000: "the MLflow UI"}

#: A retraining writes some ten megabytes; this much is asked for.
LEAST_FREE_BYTES = 500 * 2**20

#: What a tracking server is asked for, one of them, and the longest wait for it, in seconds.
EXPERIMENTS = "/api/2.0/mlflow/experiments/search"
ASK_SECONDS = 5

FAILED = 1

#: What a damaged store, or a JSON file of another shape, may raise.
UNREADABLE = (GatecastError, OSError, ValueError, TypeError, LookupError, sqlite3.Error)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at. A port in use is told but is nothing wrong."""

    name: str
    sound: bool
    found: str


def doctor(*, json: bool = False) -> int:
    """Check versions against the lock file, ports, stores and published models.

    Args:
        json: print one JSON object.
    """
    settings = load_settings()
    findings = [finding for look in LOOKS for finding in look(settings)]
    sound = all(finding.sound for finding in findings)
    if json:
        print_json({"sound": sound, "findings": [asdict(finding) for finding in findings]})
    else:
        marks = {True: "ok", False: "WRONG"}
        rows = [(each.name, marks[each.sound], each.found) for each in findings]
        print_table("Gatecast on this machine", ("looked at", "", "found"), rows)
        wrong = sum(not finding.sound for finding in findings)
        print_line("nothing wrong" if sound else f"{wrong} wrong")
    return 0 if sound else FAILED


def look_at_python(settings: Settings) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Compare the interpreter with what is declared."""
    found = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding(name="Python", sound=(3, 11) <= sys.version_info[:2] < (3, 14), found=found)


def look_at_pins(settings: Settings) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Compare every installed version with the lock file's."""
    if not LOCK.is_file():
        yield Finding(name="lock file", sound=True, found="not beside this installation")
        return
    pins = list(_pins(LOCK.read_text()))
    wrong = [finding for pin in pins if (finding := _differs(pin)) is not None]
    yield Finding(
        name="locked packages", sound=not wrong, found=f"{len(pins)} locked, {len(wrong)} differ"
    )
    yield from wrong
    torch = version("torch").partition("+")[0]
    yield Finding(name="torch", sound=torch == TORCH, found=f"{torch}, pinned {TORCH}")


def _pins(text: str) -> Iterator[Requirement]:
    """Yield the lock file's requirements that count for this interpreter and platform."""
    for line in text.splitlines():
        if line[:1].isalnum():
            pin = Requirement(line.removesuffix("\\").strip())
            if pin.marker is None or pin.marker.evaluate():
                yield pin


def _differs(pin: Requirement) -> Finding | None:
    """Return what is missing or has another version."""
    try:
        found = version(pin.name)
    except PackageNotFoundError:
        found = "not installed"
    if found != "not installed" and found in pin.specifier:
        return None
    return Finding(name=pin.name, sound=False, found=f"{found}, locked {pin.specifier}")


def look_at_ports(settings: Settings) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Say which of the usual ports is in use."""
    for port, what in PORTS.items():
        found = "free" if port_free(port) else "in use; name another with --port"
        yield Finding(name=f"port {port} for {what}", sound=True, found=found)


def look_at_home(settings: Settings) -> Iterator[Finding]:
    """Check that the home folder can be written and has room."""
    root = settings.root
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe = root / ".doctor"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        yield Finding(name="home folder", sound=False, found=f"{root}: {error.strerror}")
        return
    free = shutil.disk_usage(root).free
    yield Finding(
        name="home folder",
        sound=free >= LEAST_FREE_BYTES,
        found=f"{root}, {free / 2**30:.1f} GiB free",
    )


def look_at_pickle(settings: Settings) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Check that nobody has switched pickle loading on."""
    yield _asked("pickle loading", _pickle_off)


def _pickle_off() -> str:
    forbid_pickle()
    return "off"


def look_at_tracking(settings: Settings) -> Iterator[Finding]:
    """Check that the tracking store is whole, without making one."""
    if settings.tracking_uri is None and not (settings.root / "mlflow" / "mlflow.db").exists():
        yield Finding(name="tracking store", sound=True, found="none yet; retrain makes it")
        return
    yield _asked("tracking store", partial(_whole_store, settings))


def _whole_store(settings: Settings) -> str:
    address = ensure_store(settings)
    if settings.tracking_uri is None:
        database = settings.root / "mlflow" / "mlflow.db"
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            said = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        if said != "ok":
            raise TrackingUnavailable(
                f"{database.name} is damaged", expected="ok of SQLite's own check", found=said
            )
    elif address.startswith("http"):
        _ask_server(address)
    return without_password(address)


def _ask_server(address: str) -> None:
    """Ask a tracking server for an experiment as MLflow's client does, but once and not for long.

    Raises:
        TrackingUnavailable: it does not answer, or not to us.
    """
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - seconds, only for a server
    from mlflow.utils.credentials import get_default_host_creds  # noqa: PLC0415 - so
    from mlflow.utils.rest_utils import http_request  # noqa: PLC0415 - so

    asked = {"max_retries": 0, "raise_on_status": False, "timeout": ASK_SECONDS}
    try:
        credentials = get_default_host_creds(address)  # type: ignore[no-untyped-call]
        answer = http_request(  # type: ignore[no-untyped-call]
            credentials, EXPERIMENTS, "POST", json={"max_results": 1}, **asked
        )
        found = f"status {answer.status_code}"
    except MlflowException as error:
        found = _cause(error)
    if found != "status 200":
        raise TrackingUnavailable(
            "the tracking server cannot be asked",
            expected=f"its experiments within {ASK_SECONDS} s",
            found=found,
        )


def _cause(error: BaseException) -> str:
    """Return what the first of a chain of errors said: MLflow's and those below it repeat it."""
    while (before := error.__cause__ or error.__context__) is not None:
        error = before
    return str(error)[:200]


def look_at_locks(settings: Settings) -> Iterator[Finding]:
    """Take a lock and give it back, where a database keeps them; files need no more than a home."""
    if settings.lock_address is not None:
        yield _asked("locks", partial(_held_once, settings))


def _held_once(settings: Settings) -> str:
    address, busy = settings.lock_address, "another doctor looks"
    with held_lock(settings.root, "doctor", address=address, wait=0, busy=busy) as held:
        held.require()
    return "PostgreSQL gave one and took it back"


def look_at_models(settings: Settings) -> Iterator[Finding]:
    """Verify every byte of every published champion, and read every station's record."""
    for model in published_models(settings.root):
        yield _asked(f"champion of {model}", partial(_verified, settings, model))
    for station in list_stations(settings.root):
        yield _asked(f"station {station}", partial(_last_day, settings, station))


def _verified(settings: Settings, model: str) -> str:
    pointer = read_pointer(settings.root, model)
    verify_manifest(folder_of(settings.root, pointer), pointer.manifest_sha256)
    return f"version {pointer.version}, every byte as its manifest says"


def _last_day(settings: Settings, station: str) -> str:
    return f"through {read_station(settings.root, station).recent.time[-1]}"


def _asked(name: str, question: Callable[[], str]) -> Finding:
    try:
        return Finding(name=name, sound=True, found=question())
    except UNREADABLE as error:
        return Finding(name=name, sound=False, found=f"{type(error).__name__}: {error}")


LOOKS = (
    look_at_python,
    look_at_pins,
    look_at_home,
    look_at_pickle,
    look_at_tracking,
    look_at_locks,
    look_at_models,
    look_at_ports,
)
