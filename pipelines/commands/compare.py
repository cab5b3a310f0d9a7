"""The verb `models diff`: two versions of a model beside each other."""

from forecasting.settings import load_settings
from pipelines.commands.output import print_json, print_line, print_table
from pipelines.environment import prepare


def diff(version: str, other: str, *, json: bool = False) -> None:
    """Say in words and numbers what changed from one version of a model to another.

    Data, parameters, environment, skill by lead and season, coverage and width, size and time,
    and the verdicts. For people, what is the same of data, parameters and environment is left out.

    Args:
        version: `climate-seattle/3` or `climate-seattle@champion`: from this,
        other: to this, of the same model.
        json: print one JSON object.
    """
    settings = load_settings()
    prepare(settings)
    from forecasting.stores.registry.versions import connect, resolve  # noqa: PLC0415 - 3 s
    from pipelines.comparing import PARTS, compare  # noqa: PLC0415 - torch and MLflow take seconds

    client = connect(settings)
    found = compare(client, resolve(client, version), resolve(client, other))
    if json:
        print_json(found.to_json())
        return
    print_line(found.sentence, style="bold")
    for part in PARTS:
        rows = [
            (row.name, said(row.before), said(row.after), said(row.change, sign="+"))
            for row in found.part(part)
            if not row.same or part not in ("data", "parameters", "environment")
        ]
        if rows:
            print_table(part.capitalize(), ("", found.before, found.after, "change"), rows)


def said(value: object, *, sign: str = "") -> str | None:
    """Return a value for people: numbers with four significant digits.

    >>> said(1.23456, sign="+"), said(12), said("lstm"), said(None)
    ('+1.235', '12', 'lstm', None)
    """
    if value is None:
        return None
    return f"{value:{sign}.4g}" if isinstance(value, float) else str(value)
