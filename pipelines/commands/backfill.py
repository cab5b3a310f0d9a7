"""The verb `backfill`: retrain as of past days, to see what the gate would have said then."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from forecasting.errors import GatecastError, SettingsInvalid
from forecasting.settings import Settings, load_settings
from forecasting.stores.files import safe_name, short_name
from forecasting.stores.intervals import Interval, once
from pipelines.catalogue import find_parts
from pipelines.commands.output import print_json, print_line, print_table
from pipelines.commands.retrain import run_flow
from pipelines.environment import prepare

DONE, REFUSED = 0, 1

#: Most days that one call goes through: each is a whole training.
MOST = 400


@dataclass(frozen=True, kw_only=True)
class Days:
    """The days to train as of: the first, at most the last, and the days from one to the next."""

    first: Annotated[date, Parameter(name="--from", help="The first day.")]
    last: Annotated[date, Parameter(name="--to", help="No day after it.")]
    every: Annotated[int, Parameter(name="--every", help="Days from one to the next.")] = 30

    def each(self) -> list[date]:
        """Return the days.

        Raises:
            SettingsInvalid: there are none, or more than are trained in one call.
        """
        count = (self.last - self.first).days // self.every + 1 if self.every > 0 else 0
        if not 1 <= count <= MOST:
            raise SettingsInvalid(
                "these are no days to train as of",
                expected=f"--from before --to, --every at least 1, at most {MOST} days",
                found=f"{self.first} to {self.last} every {self.every}",
            )
        return [self.first + timedelta(days=self.every * place) for place in range(count)]


def backfill(
    name_or_toml: str,
    *,
    days: Annotated[Days, Parameter(name="*")],
    preset: Literal["default", "quick"] = "default",
    promote: bool = False,
    again: bool = False,
    json: bool = False,
) -> int:
    """Retrain as of each of several past days, on what had been observed by the end of it.

    Nothing is registered, and the champion stays, unless `--promote` is given. A day that has been
    done is not trained again. Ends with 1 where a day, or a part of it, came to no decision.

    Args:
        name_or_toml: a shipped dataset or a TOML file, with `#STATION` or `@TARGET` behind it.
        days: `--from` and `--to`, and how many days apart.
        preset: `default` or `quick`.
        promote: register and promote what the gate lets through, as on a usual run.
        again: train days again that have been done.
        json: print one JSON object.

    Raises:
        SettingsInvalid: the days are none, or too many.
    """
    wanted = days.each()
    settings = load_settings()
    prepare(settings)
    models = dict.fromkeys(part.model for part in find_parts(name_or_toml))
    subject = short_name("-".join(models))
    told = []
    for day in wanted:
        interval = interval_of(subject, day, preset, promote=promote)
        told.append(_work(settings, name_or_toml, interval, day, again=again))
    if json:
        print_json({"days": told})
    else:
        _print_days(told)
    return REFUSED if any("error" in each or each.get("refused") for each in told) else DONE


def interval_of(subject: str, day: date, preset: str, *, promote: bool) -> Interval:
    """Return what a day's training is remembered as: a rehearsal is no promotion."""
    kind = f"backfill-{preset}" + ("-promoting" if promote else "")
    tick = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Interval(kind=kind, key=safe_name(subject), tick=tick)


def _work(
    settings: Settings, name: str, interval: Interval, day: date, *, again: bool
) -> dict[str, Any]:
    rehearsed = {"dry_run": not interval.kind.endswith("-promoting"), "until": day.isoformat()}
    preset = interval.kind.split("-")[1]

    def work() -> dict[str, Any]:
        return run_flow(settings, name, [], preset, None, **rehearsed)

    told = {"as_of": day.isoformat()}
    try:
        worked = once(settings.root, interval, work, again=again, address=settings.lock_address)
    except GatecastError as error:
        return {**told, "error": error.to_json()}
    return {**told, "repeated": worked.repeated, **worked.outcome}


def _print_days(told: list[dict[str, Any]]) -> None:
    rows = [row for day in told for row in _rows(day)]
    print_table("As of past days", ("as of", "model", "mean MAE", "skill", "outcome"), rows)
    print_line("skill is against the best rival of that time, on its own gate block")


def _rows(day: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    """Yield what came of each part of a day: a decision, or the code of its refusal."""
    for part in day.get("decisions", [day]):
        if "error" in part:
            yield day["as_of"], None, None, None, part["error"]["code"]
            continue
        metrics = part["metrics"]
        came = part.get("would") or ("promoted" if part["promoted"] else "not promoted")
        errors, skill = f"{metrics['mean_mae']:.3f}", f"{100 * metrics['skill']:+.1f} %"
        yield day["as_of"], part["model"], errors, skill, came
    for part in day.get("refused", ()):
        yield day["as_of"], part["model"], None, None, part["code"]
