"""Do what a survey does for all stations at once: share out the rows, train on what was drawn."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from data_checks.partitions import load_partition
from forecasting.climate.drawing import Part, allot, joined
from forecasting.climate.drawn import DrawnTask, with_statics, write_shared
from forecasting.climate.pooling import PooledFitting
from forecasting.climate.recipe import SEEDS_A_RUN, VIEWS, recipe_of
from forecasting.climate.sharing import Share, Span, share_spans
from forecasting.climate.statics import Standards
from forecasting.climate.windows import Blocks
from forecasting.errors import SeriesTooShort
from forecasting.stores.files import write_json
from forecasting.training.loop import Fit, train
from forecasting.training.machine import one_thread
from pipelines.survey.folder import CHECKPOINTS, Survey, keep_share, part_of, share_of, window_of
from pipelines.survey.windows import digest_of, read_parts, windows_folder

STANDARDS = "standards.json"


def share_rows(survey: Survey, checked: Mapping[str, dict[str, Any]]) -> list[str]:
    """Divide all stations' rows by the clock and the budget of windows over them; returns whose.

    Args:
        survey: the survey.
        checked: what `check_station` told of each station.

    Raises:
        SeriesTooShort: no station has rows enough before the common end.
    """
    if not checked:
        raise SeriesTooShort("no station is left", expected="one or more", found=0)
    one_zone = len({told["timezone"] for told in checked.values()}) == 1
    spans = {name: _span(told["labelled" if one_zone else "own"]) for name, told in checked.items()}
    recipe = recipe_of(survey.preset)
    window = window_of(part_of(survey, next(iter(checked))))
    shares = share_spans(spans, window, recipe.folds, least=1)
    if not shares:
        raise SeriesTooShort("no station is long enough", expected="one or more", found=0)
    budgets = allot(sorted(shares), survey.windows, survey.seed)
    for name, share in shares.items():
        keep_share(survey, name, {**asdict(share), "budget": asdict(budgets[name])})
    return list(shares)


def _span(content: dict[str, Any]) -> Span:
    return Span(**{**content, "blocks": Blocks(**content["blocks"])})


def train_members(survey: Survey) -> list[Fit]:
    """Train every member on the windows that were drawn, then drop those.

    The memory is that of one member's budget, whatever the number of stations.
    """
    one_thread()
    recipe = recipe_of(survey.preset)
    shutil.rmtree(survey.weights, ignore_errors=True)
    fits, standards = [], {}
    for seed in recipe.seeds(survey.seed):
        parts = dict(read_parts(survey.folder, seed))
        standards[seed % SEEDS_A_RUN // len(VIEWS)] = Standards.of(
            [parts[name].numbers for name in sorted(parts)]
        )
        fits.append(_train(survey, seed, parts))
    write_json(survey.folder / STANDARDS, [asdict(standards[fold]) for fold in sorted(standards)])
    shutil.rmtree(windows_folder(survey.folder), ignore_errors=True)
    shutil.rmtree(survey.folder / CHECKPOINTS, ignore_errors=True)
    return fits


def _train(survey: Survey, seed: int, parts: dict[str, Part]) -> Fit:
    """Train one member; its parts are given up as soon as they are joined."""
    task = task_of(survey, seed, parts)
    parts.clear()
    fit = train(
        task,
        replace(recipe_of(survey.preset).training, seed=seed),
        checkpoints=survey.folder / CHECKPOINTS / f"{seed}-{digest_of(task.train, task.stop)}",
    )
    write_shared(task, seed, survey.weights)
    return fit


def task_of(survey: Survey, seed: int, parts: Mapping[str, Part]) -> DrawnTask:
    """Join the stations' windows and give each its statics; the member is any station's."""
    names = sorted(parts)
    numbers = [parts[name].numbers for name in names]
    statics = Standards.of(numbers).of_stations(numbers)
    train_on = joined({name: part.train for name, part in parts.items()})
    stop_on = joined({name: part.stop for name, part in parts.items()})
    with_statics(train_on, statics, [len(parts[name].train) for name in names])
    with_statics(stop_on, statics, [len(parts[name].stop) for name in names])
    fitting = fitting_of(survey, names[0])
    member = fitting.build(seed, fitting.rivals(fitting.fold(seed)))
    return DrawnTask(member, train_on, stop_on, fitting.recipe.batch)


def fitting_of(survey: Survey, station: str) -> PooledFitting:
    """Return a station's part in the global candidate; raises as `load_partition` does."""
    share: Share = share_of(survey, station)[0]
    series = load_partition(survey.admitted, station)
    return PooledFitting(
        series=series,
        window=window_of(part_of(survey, station)),
        blocks=Blocks(train=share.train, gate=len(series)),
        recipe=recipe_of(survey.preset),
        cell=survey.cell,
        seed=survey.seed,
        share=share,
    )


def standards_of(survey: Survey) -> tuple[Standards, ...]:
    """Read by what the stations' numbers are told in each fold."""
    kept = json.loads((survey.folder / STANDARDS).read_bytes())
    return tuple(
        Standards(mean=tuple(each["mean"]), deviation=tuple(each["deviation"])) for each in kept
    )
