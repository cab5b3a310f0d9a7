"""`gatecast.py` registers verbs and holds no body; it is quick because it imports nothing heavy."""

import ast
import subprocess
import sys

ALLOWED = {"cyclopts", "forecasting"}
HEAVY = {"torch", "mlflow", "prefect", "great_expectations", "pandas", "onnxruntime", "fastapi"}


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def registered(tree):
    """Yield the import strings of the verbs."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "command":
            yield from (
                argument.value
                for argument in node.args
                if isinstance(argument, ast.Constant) and ":" in str(argument.value)
            )


def test_the_command_line_imports_cyclopts_our_errors_and_points_of_faults_only(modules):
    names = set(imported(modules["gatecast.py"]))

    foreign = {name for name in names if name.partition(".")[0] not in sys.stdlib_module_names}
    assert foreign == {"cyclopts", "forecasting.errors", "forecasting.faults"}


def test_every_verb_is_an_import_string_of_a_function_that_is_there(modules):
    verbs = list(registered(modules["gatecast.py"]))

    assert verbs
    for verb in verbs:
        module, _, name = verb.partition(":")
        tree = modules.get(module.replace(".", "/") + ".py")
        assert tree is not None, verb
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert name in functions, verb


def test_importing_the_command_line_loads_nothing_heavy():
    command = "import sys, gatecast; print(*sorted(sys.modules))"

    done = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, timeout=60, check=True
    )

    assert HEAVY.isdisjoint(done.stdout.split())
