"""Who may import whom: the contracts hold, and each of them catches what it forbids."""

import shutil
import subprocess
import sys
import tomllib

import pytest
from importlinter.cli import lint_imports

PACKAGES = ("data_checks", "forecasting", "pipelines", "serving")

#: One planted import for each contract, by the beginning of the contract's name.
PLANTED = {
    "Pipelines and serving stand": ("forecasting/climate/gate.py", "import pipelines.catalogue"),
    "Nobody imports the command line": ("pipelines/catalogue.py", "import gatecast"),
    "Serving never meets": ("serving/answers.py", "import data_checks.verdict"),
    "The API process loads no": ("serving/answers.py", "import forecasting.climate.model"),
    "The domain knows no framework": ("forecasting/training/loop.py", "import prefect"),
    "Only the registry knows": ("forecasting/climate/export.py", "import mlflow"),
    "The reconciling child": ("forecasting/stores/reconcile.py", "import mlflow"),
    "Only the settings know": ("forecasting/recurrent.py", "import pydantic"),
    "The domain's shelves": ("forecasting/shelf.py", '"""A new one."""'),
    "The stores stand": ("forecasting/stores/files.py", "import forecasting.stores.stations"),
    "No shelf imports": ("forecasting/climate/series.py", "import forecasting.climate.windows"),
}


def contracts(root):
    content = tomllib.loads((root / "pyproject.toml").read_text())
    return [contract["name"] for contract in content["tool"]["importlinter"]["contracts"]]


def test_the_contracts_hold(root, monkeypatch):
    monkeypatch.chdir(root)

    assert lint_imports(no_cache=True) == 0


def test_every_contract_has_a_planted_violation(root):
    names = contracts(root)

    assert len(names) == len(PLANTED)
    assert all(any(name.startswith(begin) for name in names) for begin in PLANTED)


@pytest.fixture(scope="module")
def told(root, tmp_path_factory):
    """What import-linter says of a copy into which every violation was planted."""
    copy = tmp_path_factory.mktemp("copy")
    for package in PACKAGES:
        shutil.copytree(
            root / package, copy / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(root / "pyproject.toml", copy)
    for name, line in PLANTED.values():
        with (copy / name).open("a") as file:
            file.write(f"\n{line}\n")
    command = (
        "import sys; from importlinter.cli import lint_imports; "
        "sys.exit(lint_imports(no_cache=True))"
    )
    done = subprocess.run(
        [sys.executable, "-c", command],
        cwd=copy, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    return " ".join(done.stdout.split())


@pytest.mark.parametrize("begin", PLANTED)
def test_a_planted_violation_is_caught(root, told, begin):
    (name,) = [name for name in contracts(root) if name.startswith(begin)]

    assert f"{name} BROKEN" in told
