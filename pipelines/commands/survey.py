"""The verb `survey`: one global model, a backtest and a forecast for every station of a dataset."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from forecasting.settings import load_settings
from pipelines.catalogue import find_parts, is_of_one_station
from pipelines.commands.output import print_json, print_line, print_table

DONE, REFUSED = 0, 1

#: Which cell the global candidate has: on the stations tried it was level with the other.
CELL = "gru"

#: As many windows as a member of a pooled candidate is trained on in an epoch.
WINDOWS = 4096

#: More refused stations than this scroll away; the JSON holds them all.
MOST_SHOWN = 40

Count = Annotated[int, Parameter(validator=Number(gte=1))]


def survey(
    name_or_toml: str,
    *,
    preset: Literal["default", "quick"] = "quick",
    seed: int = 1,
    windows: Annotated[int, Parameter(validator=Number(gte=4))] = WINDOWS,
    workers: Count = 1,
    json: bool = False,
) -> int:
    """Survey many stations one at a time; nothing is registered. 1 where one was refused.

    Args:
        name_or_toml: a dataset with a source for each station; with `@TARGET` behind it where it
            has several targets. With `#STATION` it is of that one, and the others keep the results
            of an earlier run.
        preset: how the members are trained: default or quick.
        seed: of the draws and of the training.
        windows: how many windows a member is trained on, of all stations together.
        workers: processes that share the stations; more than one need the extra `dask`. Where the
            settings name a Dask, its workers share them, and so many have to be there.
        json: print one JSON object.
    """
    parts = find_parts(name_or_toml)
    settings = load_settings()
    from pipelines.survey.folder import Survey  # noqa: PLC0415 - torch takes seconds
    from pipelines.survey.run import run_survey  # noqa: PLC0415 - as above
    from pipelines.survey.scatter import scattering  # noqa: PLC0415 - as above

    asked = Survey(
        home=settings.root,
        name=parts[0].name,
        preset=preset,
        cell=CELL,
        seed=seed,
        windows=windows,
        run=f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}",
        beside=is_of_one_station(name_or_toml),
    )
    with Console(stderr=True).status("") as status, scattering(settings, workers) as scatter:
        outcome = run_survey(asked, parts, scatter, status.update)
    if json:
        print_json(outcome)
    else:
        _show(outcome)
    return REFUSED if outcome["refused"] else DONE


def _show(outcome: dict[str, object]) -> None:
    refused = outcome["refused"]
    if isinstance(refused, dict) and refused:
        rows = [(name, why["code"], why["message"]) for name, why in refused.items()]
        print_table("Refused", ("station", "code", "why"), rows[:MOST_SHOWN])
    print_line(
        f"{outcome['stations']} stations, mean MAE {outcome['mean_mae']:.3f} against "
        f"{outcome['rival_mae']:.3f} of each one's best simple rival; the gate would promote "
        f"{outcome['would_be_promoted']}"
    )
    runs = outcome["runs"]
    left = runs.values() if isinstance(runs, dict) else ()
    earlier = [each for each in left if each != outcome["run"]]
    if earlier:
        named = ", ".join(sorted(set(earlier)))
        print_line(f"stations kept from earlier runs ({named}): {len(earlier)}")
    print_line(f"forecasts and verdicts: {outcome['folder']}")
