"""The verb `due`: say why a station should be retrained, and end with 1 where nothing is due."""

from datetime import UTC, datetime

from forecasting.settings import load_settings
from pipelines.catalogue import part_names
from pipelines.commands.output import Files, print_json, print_line, print_table
from pipelines.environment import prepare

DUE, NOT_DUE = 0, 1


def due(name_or_toml: str = "seattle", *, csv: Files = None, json: bool = False) -> int:
    """Say why a retraining is due: new data, cleared checks, drifted inputs, an old champion.

    Ends with 0 where one is due, else with 1: `gatecast due X && gatecast retrain X`.

    Args:
        name_or_toml: a shipped dataset, or the path of a dataset's TOML file.
        csv: local files to take instead of the declared source.
        json: print one JSON object.
    """
    settings = load_settings()
    prepare(settings)
    from pipelines.operations.due import due as look  # noqa: PLC0415 - torch takes seconds

    files = [str(path.expanduser().resolve()) for path in csv or ()]
    now = datetime.now(UTC)
    parts = part_names(name_or_toml)
    found = [look(settings, name, part, now, files) for name, part in parts.items()]
    reasons = [reason for each in found for reason in each.reasons]
    if json:
        print_json({"due": bool(reasons), "models": [each.to_json() for each in found]})
    elif reasons:
        rows = [(reason.model, reason.trigger, reason.found) for reason in reasons]
        print_table("A retraining is due", ("model", "why", "found"), rows)
    else:
        print_line("nothing is due")
    return DUE if reasons else NOT_DUE
