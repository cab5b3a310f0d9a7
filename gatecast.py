"""The command line: it registers verbs by import string and holds no body."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

app = App(
    name="gatecast",
    help="Climate forecasts from gated recurrent networks, promoted only when they earn it.",
    help_epilogue="Exit codes: 0 done, 1 refused, 2 the call was wrong.",
    version="0.1.0",
    print_error=True,
    exit_on_error=False,
    result_action="return_value",
    # A flag that is off when it is left out needs no second spelling.
    default_parameter=Parameter(negative=()),
)
data = App(name="data", help="Datasets: what is known, and landing their raw files.")
models = App(name="models", help="The registry: versions, aliases, verdicts.")
language = App(name="language", help="Character language models: train, complete, score.")
keys = App(name="keys", help="The API's keys: create, list, rotate, revoke.")
app.command(data)
app.command(models)
app.command(language)
app.command(keys)
data.command("pipelines.commands.data:list_datasets", name="list", help="The datasets known.")
data.command("pipelines.commands.data:pull", name="pull", help="Land a dataset's raw files.")
app.command("pipelines.commands.check:check", name="check", help="Run the data checks.")
app.command("pipelines.commands.retrain:retrain", name="retrain", help="Train, judge, promote.")
app.command("pipelines.commands.survey:survey", name="survey", help="Many stations, one model.")
app.command("pipelines.commands.due:due", name="due", help="Why a retraining is due.")
app.command("pipelines.commands.backfill:backfill", name="backfill", help="As of past days.")
app.command("serving.commands:forecast", name="forecast", help="Forecast from the champion.")
app.command("pipelines.commands.explain:explain", name="explain", help="Why it forecast so.")
models.command("pipelines.commands.models:list_all", name="list", help="Models and versions.")
models.command("pipelines.commands.models:show", name="show", help="One version, whole.")
models.command("pipelines.commands.compare:diff", name="diff", help="What changed, in numbers.")
models.command("pipelines.commands.models:promote", name="promote", help="Run the gate again.")
models.command("pipelines.commands.review:approve", name="approve", help="Promote, by name.")
models.command("pipelines.commands.review:reject", name="reject", help="Turn down, and why.")
models.command(
    "pipelines.commands.reproduce:reproduce", name="reproduce", help="Train again, compare."
)
models.command("pipelines.commands.models:rollback", name="rollback", help="The champion before.")
language.command("pipelines.commands.language:train", name="train", help="Train a text's model.")
language.command("serving.text_commands:complete", name="complete", help="Write a prompt on.")
language.command("serving.text_commands:score", name="score", help="How well a text is foretold.")
keys.command("serving.key_commands:create", name="create", help="Make a key; shown once.")
keys.command("serving.key_commands:list_all", name="list", help="Whose, for what, until when.")
keys.command("serving.key_commands:rotate", name="rotate", help="A new one; the old for a while.")
keys.command("serving.key_commands:revoke", name="revoke", help="Let one end.")
app.command("serving.commands:serve", name="serve", help="The HTTP API.")
app.command("pipelines.commands.schedule:schedule", name="schedule", help="Retrain on schedule.")
app.command("pipelines.commands.upkeep:reap", name="reap", help="Close what died.")
app.command("pipelines.commands.upkeep:prune", name="prune", help="Remove what is old.")
app.command("pipelines.commands.backup:backup", name="backup", help="Copy the home, whole.")
app.command("pipelines.commands.backup:restore", name="restore", help="Put a backup back.")
app.command("pipelines.commands.notify:notify", name="notify", help="Tell a webhook.")
app.command("pipelines.commands.doctor:doctor", name="doctor", help="Say what is wrong here.")
app.command("pipelines.commands.demo:demo", name="demo", help="The whole path, in two minutes.")

REFUSED, MISUSED = 1, 2


@app.meta.default
def launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    home: Annotated[Path | None, Parameter(help="Folder that holds all that is written.")] = None,
) -> int:
    """Run a verb; `--home` goes before the environment's GATECAST_HOME."""
    if home is not None:
        import os  # noqa: PLC0415 - only with the flag

        os.environ["GATECAST_HOME"] = str(home.expanduser().resolve())
    result = app(tokens)
    return result if isinstance(result, int) else 0


def main() -> None:
    """Run the command line: 0 done, 1 refused, 2 the call was wrong."""
    from forecasting.errors import GatecastError  # noqa: PLC0415 - keeps --help quick
    from forecasting.faults import armed  # noqa: PLC0415 - with it

    try:
        armed()  # a fault that names no point is refused before anything is done
        sys.exit(app.meta())
    except CycloptsError:
        sys.exit(MISUSED)
    except GatecastError as error:
        _say(error)
        sys.exit(REFUSED)
    except KeyboardInterrupt:
        sys.exit(130)


def _say(error: Exception) -> None:
    """Print a refusal: one JSON object where JSON was asked for, one line for people."""
    import json  # noqa: PLC0415 - only on a refusal

    from forecasting.errors import GatecastError  # noqa: PLC0415 - keeps --help quick

    code = error.code if isinstance(error, GatecastError) else "ERROR"
    if "--json" in sys.argv and isinstance(error, GatecastError):
        sys.stdout.write(json.dumps({"error": error.to_json()}) + "\n")
    sys.stderr.write(f"gatecast: {code}: {error}\n")


if __name__ == "__main__":
    main()
