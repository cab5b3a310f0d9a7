"""Where the house rules look: the repository and its Python files."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("data_checks", "forecasting", "pipelines", "serving")


@pytest.fixture(scope="session")
def root():
    return ROOT


def sources(*folders):
    """Return every Python file of the folders, sorted."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@pytest.fixture(scope="session")
def modules():
    """Every module of the product with its parsed tree, by its path in the repository."""
    files = [*sources(*PACKAGES), ROOT / "gatecast.py"]
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in files}


@pytest.fixture(scope="session")
def lines():
    """The number of lines of every Python file, tests and benchmarks too."""
    files = sources(*PACKAGES, "tests", "benchmarks")
    return {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in files}
