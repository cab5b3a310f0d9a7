"""One home with a whole retraining in it, made once by the real command line."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """Read the one object on standard output."""
        return json.loads(self.out)


@dataclass(frozen=True, kw_only=True)
class Gatecast:
    """The real program with a home of its own."""

    home: Path

    def __call__(self, *words: str | Path, **environment: str) -> Said:
        """Run a verb to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "gatecast", "--home", str(self.home), *map(str, words)],
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
            cwd=self.home.parent,
            env={**os.environ, "COLUMNS": "100", **environment},
        )
        return Said(code=done.returncode, out=done.stdout, err=done.stderr)


@pytest.fixture
def gatecast(tmp_path) -> Gatecast:
    """The program with an empty home."""
    return Gatecast(home=tmp_path / "home")


@dataclass(frozen=True, kw_only=True)
class Retrained:
    """A home in which Seattle was retrained with the quick preset, and what was said of it."""

    run: Gatecast
    said: Said


@pytest.fixture(scope="session")
def retrained(tmp_path_factory) -> Retrained:
    """Retrain Seattle once for all tests of this process."""
    run = Gatecast(home=tmp_path_factory.mktemp("retrained") / "home")
    said = run("retrain", "seattle", "--preset", "quick", "--json")
    assert said.code == 0, said.err
    return Retrained(run=run, said=said)
