"""Retrain every few minutes under steady load while replicas and workers are killed at random.

`python -m tests.faults.soak [--seconds N] [--seed N] [--every N] [--rate N] [--json FILE]`. Three
replicas serve one home. One is never killed: its memory is followed, and its slope is told with
the half of its 95 % interval. Every answer but 200 is counted, and beside that the errors that a
client would see who asks once more, at another replica.
"""

import argparse
import json
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from forecasting.stores.registry.store import quiet_environment
from tests.faults.load import Load
from tests.faults.memory import followed, slope
from tests.faults.processes import Replica, Worker

REPLICAS = 3

#: Pauses between kills, in seconds.
PAUSES = (20.0, 60.0)


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600, help="how long the load lasts")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="draws the kills")
    parser.add_argument("--every", type=float, default=180, help="seconds between retrainings")
    parser.add_argument("--rate", type=float, default=20, help="requests a second")
    parser.add_argument("--json", type=Path, help="file for the report")
    return parser.parse_args(arguments)


def kill_at_random(
    rng: random.Random, replicas: list[Replica], worker: Worker, over: threading.Event
) -> Counter[str]:
    """Kill a replica, or the worker in a retraining, until it is over; returns how often."""
    kills: Counter[str] = Counter()
    while not over.wait(rng.uniform(*PAUSES)):
        if rng.random() < 0.5:
            kills["worker"] += worker.kill()
        else:
            rng.choice(replicas[1:]).kill()
            kills["replica"] += 1
    return kills


def soaked(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Do it; returns what was counted and measured."""
    from tests.faults.home import prepare  # noqa: PLC0415 - takes seconds, after the call is read

    rng = random.Random(asked.seed)  # noqa: S311 - moments of kills
    start = prepare(folder)
    over = threading.Event()
    with ExitStack() as stack:
        worker = stack.enter_context(Worker(dataset=start.dataset, home=start.home))
        worker.first()
        replicas = [
            stack.enter_context(Replica(home=start.home, log=folder / f"replica-{number}.log"))
            for number in range(REPLICAS)
        ]
        for replica in replicas:
            replica.wait()
        load = Load(ports=[replica.port for replica in replicas], rate=asked.rate, rng=rng)
        samples: list[tuple[float, float]] = []
        threads = [
            threading.Thread(target=load.run, args=(over,)),
            threading.Thread(target=followed, args=(replicas[0].pid, samples, over)),
            threading.Thread(target=worker.keep_on, args=(asked.every, over)),
        ]
        for thread in threads:
            thread.start()
        signal.signal(signal.SIGTERM, lambda *_: over.set())
        threading.Timer(asked.seconds, over.set).start()
        kills = kill_at_random(random.Random(asked.seed + 1), replicas, worker, over)  # noqa: S311
        for thread in threads:
            thread.join()
    return {
        "seconds": asked.seconds,
        "seed": asked.seed,
        "retrainings": dict(worker.ended),
        "kills": dict(kills),
        **load.told(),
        "memory": slope(samples),
    }


def main(arguments: list[str]) -> int:
    """Soak, print, and fail where a client who asks once more would have seen an error."""
    asked = parsed(arguments)
    quiet_environment()
    with tempfile.TemporaryDirectory(prefix="gatecast-soak-") as place:
        found = soaked(asked, Path(place))
    if asked.json is not None:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(found, indent=1) + "\n")
    memory = found["memory"]
    sys.stdout.write(
        f"{found['seconds'] / 60:.1f} minutes, seed {found['seed']};"
        f" retrainings {found['retrainings']}; kills {found['kills']}\n"
        f"memory of the replica that lived: {memory['first_mb']:.1f} MB at first,"
        f" {memory['last_mb']:.1f} MB at last; slope {memory['slope']:+.2f} MB/h"
        f" (95 %: {memory['low']:+.2f} to {memory['high']:+.2f})\n"
        f"versions that answered: {found['versions']}\n"
        f"soak: {found['requests']} requests, {found['failed']} failed at the first replica,"
        f" {found['errors']} with one retry at another ({found['kinds']})\n"
    )
    # A soak in which nothing was retrained has soaked nothing.
    soaked_in = found["requests"] and found["retrainings"].get("finished", 0)
    return 0 if soaked_in and not found["errors"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
