"""Swap the champion once a second under load, and look at every answer."""

import asyncio
import itertools
import json
import time
from dataclasses import dataclass, field
from typing import Any

import uvloop

from benchmarks.serving import home as homes
from benchmarks.serving.generator import Answer, Drive, by_status, drive
from benchmarks.serving.load import Load
from benchmarks.serving.servers import ask
from benchmarks.serving.stage import FORECAST, HEADLINE, POST, Stage

#: Time between two swaps, in seconds.
PACE = 1.0

#: Examples of failures in the report.
SHOWN = 5


@dataclass
class Taster:
    """Checks that every answer is whole, names one version, and that none goes back.

    A request that was sent after an answer of version n had come must be answered by version n
    or a later one.
    """

    newest: int = 0
    seen: set[int] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)

    def before(self) -> int:
        """Return the least version that the next request may be answered by."""
        return self.newest

    def taste(self, least: int, status: int, body: bytes) -> None:
        """Check one answer."""
        fault = self._fault(least, status, body)
        if fault is not None:
            self.failures.append(fault)

    def _fault(self, least: int, status: int, body: bytes) -> str | None:
        if status != 200:
            return f"status {status}: {body[:200].decode(errors='replace')}"
        try:
            version = json.loads(body)["model"]["version"]
        except (ValueError, KeyError, TypeError):
            return f"no version: {body[:200].decode(errors='replace')}"
        if type(version) is not int or body.count(b'"version"') != 1:
            return f"not exactly one version: {body[:200].decode(errors='replace')}"
        if version < least:
            return f"version {version} after version {least}"
        self.newest = max(self.newest, version)
        self.seen.add(version)
        return None


def swaps(stage: Stage, count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Publish so many versions, one a second, while four connections read and post by turns."""
    taster = Taster()
    answers: list[Answer] = []
    port = stage.ours.port
    reads = Load(port=port, path=FORECAST, connections=HEADLINE, seconds=0).requests()
    posts = Load(
        port=port, path=POST, bodies=homes.posted(stage.home), connections=HEADLINE, seconds=0
    ).requests()
    mixed = itertools.chain.from_iterable(zip(itertools.cycle(reads), itertools.cycle(posts)))
    load = Drive(
        requests=mixed,
        until=time.perf_counter() + (count + 2) * PACE,
        answers=answers,
        before=taster.before,
        taste=taster.taste,
    )
    first = json.loads(ask(port, FORECAST)[1])["model"]["version"]

    async def both() -> None:
        publishing = asyncio.create_task(asyncio.to_thread(_publish, stage, first, count))
        await drive(port, load, HEADLINE)
        await publishing

    uvloop.run(both())
    told = {
        "swaps": count,
        "versions_answered": len(taster.seen),
        "last_published": first + count,
        "last_answered": taster.newest,
        "requests": len(answers),
        "by_status": by_status(answers),
        "examples": taster.failures[:SHOWN],
        **_counted(port),
    }
    return {"swap_failures": len(taster.failures)}, told


def _publish(stage: Stage, first: int, count: int) -> None:
    """Publish the champion and its single member by turns, each under a higher number."""
    files = [each for each in (stage.single_files, stage.home.files) if each is not None]
    begun = time.monotonic()
    for swap in range(1, count + 1):
        time.sleep(max(0.0, begun + swap * PACE - time.monotonic()))
        stage.say(f"swap {swap} of {count}")
        stage.home.publish(files[swap % len(files)], first + swap)


def _counted(port: int) -> dict[str, Any]:
    """Return what the service itself counted."""
    ready = json.loads(ask(port, "/readyz")[1])
    return {f"counted_{name}": ready[name] for name in ("swaps", "swap_failed")}
