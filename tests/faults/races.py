"""Let processes race: four on an empty store, two promoters for one alias."""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests import postgres
from tests.faults.home import prepare
from tests.faults.trials import Trial
from tests.pipelines import oslo

SCRIPTS = Path(__file__).parents[1] / "forecasting" / "stores" / "registry"
PROCESSES = 4

#: What MLflow's migration takes about, in seconds; a later kill finds it done.
LONGEST_MIGRATION = 1.6


def told(script: str, *words: object) -> Any:
    """Run one of the registry's race scripts; returns what it found."""
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / script), *map(str, words)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        return {"failed": done.stderr[-500:]}
    return json.loads(done.stdout)


def cold_starts(folder: Path, times: int) -> Iterator[Trial]:
    """Open an empty store by four processes at once, each time in a home of its own."""
    for number in range(times):
        found = told("cold_starts.py", folder / f"cold-{number}", PROCESSES, "none")
        yield Trial(part="cold-start races", name=str(number), ended="finished", reached=True,
                    complaints=unsound(found))  # fmt: skip


def killed_migrations(folder: Path, times: int, rng: random.Random) -> Iterator[Trial]:
    """Kill the first migration of a store somewhere in it, then let four processes race."""
    for number in range(times):
        delay = f"{rng.uniform(0, LONGEST_MIGRATION):.2f}"
        found = told("cold_starts.py", folder / f"killed-{number}", PROCESSES, delay)
        reached = "failed" not in found and found[0]["killed_in_migration"]
        yield Trial(part="kills in the first migration", name=f"{number}: after {delay} s",
                    ended="killed", reached=reached, complaints=unsound(found))  # fmt: skip


def unsound(found: Any) -> list[str]:
    """Complain of a store that four processes did not make whole."""
    if "failed" in found:
        return [found["failed"]]
    wanted = {
        "ended": [0] * PROCESSES,
        "integrity": "ok",
        "experiments": ["0", "1", "2", "3", "Default"],
        "revisions": 1,
        "left_over": [],
    }
    return [f"{name}: {found[0][name]}" for name in wanted if found[0][name] != wanted[name]]


def promotions(folder: Path, rounds: int) -> Iterator[Trial]:
    """Race two promoters for so many rounds, on SQLite and on PostgreSQL."""
    yield raced(folder / "sqlite", rounds, "")
    if postgres.BINARIES is not None:
        with ExitStack() as stack:
            made = stack.enter_context(postgres.cluster())
            made.create("race")
            yield raced(folder / "postgres", rounds, made.address("race", driver="psycopg"))


def raced(folder: Path, rounds: int, tracking: str) -> Trial:
    """Race once; each round has one winner and one who is told that the champion moved."""
    start = prepare(folder)
    files = (folder / "first.onnx", folder / "first.safetensors")
    home = folder / "race"
    if not tracking:
        prepare_empty(home)
    card = json.dumps(asdict(oslo.make_card()))
    found = told("racing_promoters.py", home, *files, card, rounds, tracking)
    del start
    complaints = [found["failed"]] if "failed" in found else wrong(found, rounds)
    name = f"{rounds} rounds on {'PostgreSQL' if tracking else 'SQLite'}"
    return Trial(part="promotion races", name=name, ended="finished", reached=True,
                 complaints=complaints)  # fmt: skip


def prepare_empty(home: Path) -> None:
    """Migrate an empty store in a process of its own: this one forks."""
    code = "import sys; from pathlib import Path; from forecasting.settings import Settings;"
    code += "from forecasting.stores.registry.store import ensure_store;"
    code += "ensure_store(Settings(home=Path(sys.argv[1])))"
    subprocess.run([sys.executable, "-c", code, str(home)], check=True, capture_output=True)


def wrong(found: dict[str, Any], rounds: int) -> list[str]:
    """Complain of rounds that went wrong, and of an alias or a pointer that was missing."""
    complaints = []
    odd = [each for each in found["rounds"] if each != ["CHAMPION_MOVED", "won"]]
    if odd or len(found["rounds"]) != rounds:
        complaints.append(f"{len(odd)} of {len(found['rounds'])} rounds went wrong: {odd[:3]}")
    if found["ended"] != [0, 0, 0]:
        complaints.append(f"racers ended with {found['ended']}")
    if found["reader"]["missing"]:
        complaints.append(f"{found['reader']['missing']} looks found no champion")
    if found["champion"] != found["published"]:
        complaints.append(f"{found['champion']} is champion, {found['published']} published")
    return complaints
