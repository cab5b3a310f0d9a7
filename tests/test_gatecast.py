import importlib
import json
import os
import subprocess
import sys

import pytest
from cyclopts import App

import gatecast
from forecasting.errors import DataRefused

# It says so wherever pytest is loaded; the real program has its words in sys.argv.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Cyclopts application invoked without tokens:UserWarning"
)

HEAVY = ("torch", "mlflow", "prefect", "great_expectations", "pandas", "onnxruntime", "fastapi")

HELP = f"""
import sys, gatecast
sys.argv = ["gatecast", *sys.argv[1:]]
try:
    gatecast.main()
except SystemExit as end:
    loaded = [name for name in {HEAVY} if name in sys.modules]
    sys.stderr.write(f"CODE {{end.code or 0}} LOADED {{loaded}}")
"""


def run(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "gatecast", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture
def verb(monkeypatch):
    """Put a command line with one verb of our own in the place of the real one."""

    def put(body):
        app = App(result_action="return_value", exit_on_error=False)
        app.command(body, name="verb")
        app.meta.default(gatecast.launch)
        monkeypatch.setattr(gatecast, "app", app)
        monkeypatch.setattr(sys, "argv", ["gatecast", "verb"])

    return put


def ended():
    with pytest.raises(SystemExit) as end:
        gatecast.main()
    return end.value.code


@pytest.mark.parametrize("words", [[], ["retrain"], ["models"]], ids=["all", "verb", "group"])
def test_help_is_said_without_loading_a_heavy_library(words):
    done = subprocess.run(
        [sys.executable, "-c", HELP, *words, "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr.endswith("CODE 0 LOADED []")
    assert "Usage" in done.stdout


def registered(app):
    """Every verb's import string, groups opened."""
    for name, command in app._commands.items():
        if name.startswith("-"):
            continue
        if isinstance(command, App):
            yield from registered(command)
        else:
            yield command.import_path


def test_every_verb_is_an_import_string_of_something_that_can_be_called():
    verbs = set(registered(gatecast.app))
    assert len(verbs) == 33
    for verb in verbs:
        module, _, name = verb.partition(":")
        assert callable(getattr(importlib.import_module(module), name)), verb


def test_what_is_done_ends_with_0_and_what_a_verb_returns_is_the_exit_code(verb):
    verb(lambda: None)
    assert ended() == 0
    verb(lambda: 1)
    assert ended() == 1


def test_a_refusal_ends_with_1_and_is_one_line_without_a_stack_trace(verb, capsys):
    def refuse():
        raise DataRefused("too many gaps", expected="at most 20 %", found="60 %")

    verb(refuse)
    assert ended() == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "gatecast: DATA_REFUSED: too many gaps; expected at most 20 %; found 60 %\n"


def test_a_refusal_is_one_object_where_json_was_asked_for(verb, capsys, monkeypatch):
    def refuse(*, json: bool = False):
        raise DataRefused("too many gaps", found="60 %" if json else "")

    verb(refuse)
    monkeypatch.setattr(sys, "argv", ["gatecast", "verb", "--json"])
    assert ended() == 1
    assert json.loads(capsys.readouterr().out) == {
        "error": {
            "code": "DATA_REFUSED",
            "message": "too many gaps",
            "expected": None,
            "found": "60 %",
        }
    }


def test_an_interrupted_verb_ends_as_a_shell_expects(verb):
    def stopped():
        raise KeyboardInterrupt

    verb(stopped)
    assert ended() == 130


@pytest.mark.parametrize(
    "words",
    [["no-such-verb"], ["models", "show"], ["demo", "--preset", "lecture"],
     ["schedule", "--preset", "perfect"], ["data", "list", "--no-such-flag"]],
)  # fmt: skip
def test_a_wrong_call_ends_with_2(words, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["gatecast", *words])
    assert ended() == 2
    assert "Traceback" not in capsys.readouterr().err


def test_the_flag_goes_before_the_environment(tmp_path):
    flag, variable = tmp_path / "flag", tmp_path / "variable"
    words = ("forecast", "seattle", "--json")
    done = run("--home", str(flag), *words, GATECAST_HOME=str(variable))
    assert json.loads(done.stdout)["error"]["code"] == "STATION_UNKNOWN"
    (variable / "stations").mkdir(parents=True)
    (variable / "stations" / "oslo.json").write_text("{}")
    assert "oslo" in run(*words, GATECAST_HOME=str(variable)).stderr
    assert "oslo" not in run("--home", str(flag), *words, GATECAST_HOME=str(variable)).stderr
