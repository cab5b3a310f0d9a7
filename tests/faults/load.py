"""Ask for forecasts at a steady rate; count what a client sees, with one retry and without."""

import http.client
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

PATH = "/v1/forecast?station=oslo"
PATIENCE = 10.0


@dataclass(kw_only=True)
class Load:
    """A client: each question goes to a replica that is drawn, and once more to another.

    Args:
        ports: of the replicas.
        rate: questions a second.
        rng: draws the replica.
    """

    ports: list[int]
    rate: float
    rng: random.Random
    requests: int = 0
    failed: int = 0
    errors: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)

    def run(self, over: threading.Event) -> None:
        """Ask until it is over; what takes longer than its turn delays the next question."""
        turn = time.monotonic()
        while not over.is_set():
            self.ask()
            turn = max(turn + 1 / self.rate, time.monotonic())
            over.wait(turn - time.monotonic())

    def ask(self) -> None:
        """Ask once, and once more elsewhere where that failed."""
        first, second = self.rng.sample(self.ports, 2)
        self.requests += 1
        said = asked(first)
        if isinstance(said, str):
            self.failed += 1
            self.kinds[said] += 1
            said = asked(second)
            if isinstance(said, str):
                self.errors += 1
                self.kinds[f"again: {said}"] += 1
                return
        self.versions[str(said)] += 1

    def told(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "requests": self.requests,
            "failed": self.failed,
            "errors": self.errors,
            "kinds": dict(self.kinds),
            "versions": dict(self.versions),
        }


def asked(port: int) -> int | str:
    """Return the version that answered, or why there is no sound answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", PATH)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            return f"HTTP {answer.status}"
        return int(json.loads(body)["model"]["version"])
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        return type(error).__name__
    finally:
        connection.close()
