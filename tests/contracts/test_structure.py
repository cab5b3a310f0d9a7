"""House rules that no linter keeps: the tree, the sizes, the names, quiet imports."""

import ast
import os
import re
import statistics
import subprocess
import sys

#: What stands at the top, and what may stand beside it (design.md, "The tree").
FIXED = {
    "pyproject.toml", "README.md", "pipelines", "forecasting", "serving", "data_checks", "tests",
    "Dockerfile",
}  # fmt: skip
BESIDE = {
    "gatecast.py", "Makefile", "requirements.lock", "compose.yaml", "prefect.yaml", "benchmarks",
    "docs", "CHANGELOG.md", "LICENSE",
}  # fmt: skip
#: Written by the program or its tools, and ignored by git.
WRITTEN = {"var", "dist", "htmlcov", "__pycache__"}

VAGUE = re.compile(r"(?:^|_)(?:utils?|helpers?|managers?|common|misc)(?:_|$)|Manager|Helper|Util")

#: What a module may hold at its top: definitions and constants, and the guard of a script.
QUIET = (
    ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.AsyncFunctionDef,
    ast.ClassDef,
)  # fmt: skip

IMPORT_ALL = """
import importlib, os, pkgutil, threading
import forecasting
before = dict(os.environ)
for found in pkgutil.walk_packages(forecasting.__path__, "forecasting."):
    if not found.name.startswith("forecasting.stores.re"):
        importlib.import_module(found.name)
assert dict(os.environ) == before
assert threading.active_count() == 1
"""


def test_only_what_the_design_names_stands_at_the_top(root):
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True, check=False, cwd=root,
    )  # fmt: skip
    # Without git, as in an unpacked archive, everything that lies there counts.
    names = listed.stdout.split("\n") if listed.returncode == 0 else map(str, root.iterdir())
    present = {name.removeprefix(f"{root}/").partition("/")[0] for name in names if name}

    assert {name for name in present if not name.startswith(".")} - WRITTEN <= FIXED | BESIDE


def test_the_packages_of_the_design_are_there(root):
    packages = FIXED - {"Dockerfile", "README.md", "pyproject.toml"}

    assert all((root / name).is_dir() for name in packages)


def test_every_module_says_in_its_first_line_what_it_does(modules):
    silent = [name for name, tree in modules.items() if not ast.get_docstring(tree)]

    assert silent == []


def test_no_file_is_longer_than_300_lines(lines):
    assert {name: length for name, length in lines.items() if length > 300} == {}


def test_half_of_the_files_are_of_about_100_lines_or_less(lines):
    assert statistics.median(lines.values()) <= 120


def test_nothing_has_a_name_that_could_hold_anything(modules):
    vague = [name for name in modules if VAGUE.search(name.rpartition("/")[2].removesuffix(".py"))]
    for name, tree in modules.items():
        defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        vague += [
            f"{name}: {node.name}"
            for node in ast.walk(tree)
            if isinstance(node, defined) and VAGUE.search(node.name)
        ]

    assert vague == []


def test_no_module_does_work_on_import(modules):
    working = [
        f"{name}:{node.lineno}"
        for name, tree in modules.items()
        if name != "gatecast.py"  # its work is to register verbs
        for node in tree.body[1:]
        if not (isinstance(node, QUIET) or is_guard(node))
    ]

    assert working == []


def is_guard(node):
    """Say whether a statement is `if __name__ == "__main__":` or `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and ast.unparse(node.test) in {
        "__name__ == '__main__'",
        "TYPE_CHECKING",
    }


def test_importing_the_domain_writes_nothing_and_starts_nothing(tmp_path):
    environment = {**os.environ, "GATECAST_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-B", "-c", IMPORT_ALL],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_pickle_is_imported_nowhere(modules):
    imported = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
    found = [
        f"{name}:{node.lineno}"
        for name, tree in modules.items()
        for node in ast.walk(tree)
        if imported & {each.partition(".")[0] for each in names_of(node)}
    ]

    assert found == []


def names_of(node):
    """Return the modules that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
