"""The verb `retrain`: run the climate flow, show its progress, print its decision."""

import math
import time
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from forecasting.errors import SettingsInvalid
from forecasting.settings import Settings, load_settings
from pipelines.catalogue import find_parts, resolved
from pipelines.commands.output import Files, print_json, print_line, print_table
from pipelines.environment import prepare
from pipelines.server import scheduler_errors

DONE, REFUSED = 0, 1

#: What a dry run would have done with a candidate that the gate let through.
LET_THROUGH = ("promote", "propose")

#: Most leads that a table on a terminal of 80 columns has room for.
MOST_LEADS = 7


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a retraining goes, other than usual."""

    as_lectured: Annotated[
        bool,
        Parameter(
            name="--as-lectured",
            help="With --preset lecture, train on all rows as the lecture did; this leaks.",
        ),
    ] = False
    dry_run: Annotated[
        bool, Parameter(name="--dry-run", help="Everything but registering and promoting.")
    ] = False

    @property
    def words(self) -> dict[str, bool]:
        """What the flow is told beside the usual."""
        return {"dry_run": True} if self.dry_run else {}


USUALLY = Manner()


def retrain(
    name_or_toml: str = "seattle",
    *,
    csv: Files = None,
    preset: Literal["default", "lecture", "quick"] = "default",
    seed: int | None = None,
    manner: Annotated[Manner, Parameter(name="*")] = USUALLY,
    json: bool = False,
) -> int:
    """Retrain a station: land, check, train, judge, and promote what has earned it.

    A dataset of several stations or targets is retrained as a whole, or in part; it ends with 1
    where one of them came to no decision, and the others have gone their way. A dry run ends with
    1 where the gate would have let nothing through.

    Args:
        name_or_toml: a shipped dataset, or the path of a dataset's TOML file; with `#STATION`,
            `@TARGET` or both behind it for a part of the dataset.
        csv: local files to take instead of the declared source.
        preset: `default`, `quick` (fewer members and epochs), or `lecture` (the lecture's own).
        seed: the random seed; the shipped one when left out.
        manner: `--dry-run` and `--as-lectured`.
        json: print one JSON object.

    Raises:
        SettingsInvalid: `--as-lectured` was given with another preset.
        SchedulerUnavailable: the Prefect server does not answer.
    """
    began = time.perf_counter()
    if manner.as_lectured and preset != "lecture":
        raise SettingsInvalid("--as-lectured goes with --preset lecture only", found=preset)
    settings = load_settings()
    prepare(settings)
    files = [str(path.expanduser().resolve()) for path in csv or ()]
    if preset == "lecture":
        from pipelines.commands.lecture import run_lecture  # noqa: PLC0415 - torch takes seconds

        with scheduler_errors():
            run_lecture(name_or_toml, files, seed=seed, as_lectured=manner.as_lectured, json=json)
        return DONE
    decision = run_flow(settings, name_or_toml, files, preset, seed, **manner.words)
    decision["seconds"] = round(time.perf_counter() - began, 1)
    if json:
        print_json(decision)
    elif "decisions" in decision:
        print_decisions(decision)
    else:
        print_decision(decision)
    turned_down = manner.dry_run and not let_through(decision)
    return REFUSED if turned_down or decision.get("refused") else DONE


def let_through(outcome: dict[str, Any]) -> bool:
    """Say whether a dry run's gate would have let a candidate through, of several parts any."""
    parts = outcome.get("decisions", [outcome])
    return any(each.get("would") in LET_THROUGH for each in parts)


def run_flow(
    settings: Settings,
    name: str,
    csv: list[str],
    preset: str,
    seed: int | None,
    **rehearsed: Any,  # noqa: ANN401 - the flow's own keywords
) -> dict[str, Any]:
    """Run the flow in this process, with a bar a candidate on a terminal.

    `rehearsed` takes the flow's `dry_run` and `until`.

    Raises:
        SchedulerUnavailable: the Prefect server does not answer.
    """
    find_parts(name)  # a wrong name is told before seconds of imports and a server's start

    from forecasting.climate.recipe import SEED, recipe_of  # noqa: PLC0415 - torch takes seconds
    from pipelines.climate import retrain_climate  # noqa: PLC0415 - prefect takes seconds
    from pipelines.progress import shown  # noqa: PLC0415 - rich only where it is drawn

    recipe = recipe_of(preset)
    with scheduler_errors(), shown(recipe.members, recipe.training.epochs):
        decision: dict[str, Any] = retrain_climate(
            dataset=resolved(name),
            csv=csv,
            preset=preset,
            seed=SEED if seed is None else seed,
            **rehearsed,
        )
    return decision | {"home": str(settings.root)}


def print_decisions(outcome: dict[str, Any]) -> None:
    """Print every part's decision, then one line a part and what was refused before it."""
    for decision in outcome["decisions"]:
        print_line(decision["model"], style="bold")
        print_decision(decision)
    print_line("Stations and targets", style="bold")
    for decision in outcome["decisions"]:
        metrics, version = decision["metrics"], decision["version"]
        word = "promoted" if decision["promoted"] else "proposed" if decision["proposed"] else None
        said = f"{word}, version {version}" if word else "not promoted"
        print_line(
            f"{decision['model']}: {decision['cell']}, mean MAE {metrics['mean_mae']:.3f}, "
            f"skill {100 * metrics['skill']:+.1f} % against {metrics['best_rival']}: {said}"
        )
    for each in outcome["refused"]:
        found = "" if each["found"] is None else f"; found {each['found']}"
        print_line(f"{each['model']}: {each['code']}: {each['message']}{found}", style="bold red")
    print_line(f"{outcome['seconds']} s")


def print_decision(decision: dict[str, Any]) -> None:
    """Print the errors beside the rivals', and the decision in one sentence."""
    metrics = decision["metrics"]
    models = {f"{decision['cell']} (candidate)": metrics, **metrics["rivals"]}
    leads = shown_leads(len(metrics["mae_by_lead"]))
    rows = []
    for name, each in sorted(models.items(), key=lambda entry: entry[1]["mean_mae"]):
        numbers = [each["mean_mae"], *(each["mae_by_lead"][lead - 1] for lead in leads)]
        rows.append((name.replace("_", " "), *(f"{number:.2f}" for number in numbers)))
    columns = ("", "mean", *(f"{lead}" for lead in leads))
    print_table("Mean absolute error on the gate block, by lead", columns, rows)
    held_out = sorted(decision["held_out"].items(), key=lambda entry: entry[1] or math.inf)
    losses = ", ".join(f"{cell} {loss:.3f}" for cell, loss in held_out if loss is not None)
    print_line(f"chosen: {decision['cell']}, by its loss at held-out origins ({losses})")
    style = "bold green" if decision["promoted"] else "bold yellow"
    print_line(decision["verdict"]["sentence"], style=style)
    if decision["refit"] is not None:
        print_line(decision["refit"]["sentence"])
    version = decision["version"]
    registered = "only logged" if version is None else f"{decision['model']}/{version}"
    seconds = f"; {decision['seconds']} s" if "seconds" in decision else ""
    print_line(f"version: {registered}; run: {decision['run_id']}{seconds}")


def shown_leads(horizon: int) -> list[int]:
    """Return the leads that a table shows: all of a few, else seven evenly apart.

    >>> shown_leads(3), shown_leads(16)
    ([1, 2, 3], [1, 3, 6, 9, 11, 13, 16])
    """
    shown = min(horizon, MOST_LEADS)
    return [1 + round(place * (horizon - 1) / max(shown - 1, 1)) for place in range(shown)]
