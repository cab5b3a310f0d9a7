"""Arrange several stations' plans in pools, and find the work behind a candidate of either kind."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data_checks.admissions import load_admitted
from forecasting.climate.pooling import GLOBAL, Pool, PooledFitting
from forecasting.climate.recipe import Fitting, recipe_of
from forecasting.climate.sharing import Share, share_out
from forecasting.climate.windows import Blocks
from forecasting.stores.files import write_json
from pipelines.workspace import Plan, read_plan

#: In a pool's folder: which plans it trains. In a plan's folder: its share of the pool.
POOL, SHARE = "pool.json", "share.json"


@dataclass(frozen=True, kw_only=True)
class Arranged:
    """A pool's folder, the folders of the plans that it trains, and what to call it."""

    folder: Path
    plans: tuple[Path, ...]
    label: str


def arrange(root: Path, folders: Sequence[Path]) -> Arranged | None:
    """Share out plans of one target; None where fewer than two stations can be pooled.

    Equal plans share a folder, so a pool whose training was killed is resumed.

    Args:
        root: the home folder.
        folders: the plans' folders, a station each.
    """
    plans = {plan.station: (plan, folder) for folder in folders for plan in (read_plan(folder),)}
    first = next(iter(plans.values()))[0]
    shares = share_out(
        {
            name: (load_admitted(root, plan.data_sha256), plan.blocks)
            for name, (plan, _) in plans.items()
        },
        first.window,
        recipe_of(first.preset).folds,
    )
    if not shares:
        return None
    pooled = {name: plans[name][1] for name in shares}
    pool = {
        name: {"plan": asdict(plans[name][0]), "share": asdict(share)}
        for name, share in shares.items()
    }
    for name, share in shares.items():
        write_json(
            pooled[name] / SHARE, {**asdict(share), "stations": sorted(shares), "pool": pool}
        )
    content = {name: str(folder) for name, folder in pooled.items()}
    said = json.dumps([content, {name: asdict(share) for name, share in shares.items()}])
    key = hashlib.sha256(said.encode()).hexdigest()[:16]
    folder = root / "runs" / f"pool-{first.further_target or 'first'}-{key}"
    write_json(folder / POOL, content)
    label = f"{first.further_target} " if first.further_target else ""
    return Arranged(folder=folder, plans=tuple(pooled.values()), label=label)


def is_global(candidate: str) -> bool:
    """Say whether a candidate shares its weights with other stations, by its name."""
    return candidate.startswith(GLOBAL)


def work_of(root: Path, folder: Path, candidate: str) -> Fitting | Pool:
    """Return what is to be trained in a folder: a plan's own candidate, or a pool's.

    Raises:
        DataUnchecked: the data has no accepting verdict, or was changed.
    """
    if not is_global(candidate):
        return read_plan(folder).fitting(root, candidate)
    homes = {
        name: Path(plan) / candidate
        for name, plan in json.loads((folder / POOL).read_bytes()).items()
    }
    stations = {name: pooled_fitting(root, home) for name, home in homes.items()}
    return Pool(stations=stations, homes=homes)


def homes_of(work: Fitting | Pool, own: Path) -> list[Path]:
    """Return the folders in which the members of a work are left: its own, or each station's."""
    return list(work.homes.values()) if isinstance(work, Pool) else [own]


def fitting_of(root: Path, plan: Plan, path: Path) -> Fitting:
    """Return a plan's part in the candidate whose folder is given; raises as `work_of` does."""
    return pooled_fitting(root, path) if is_global(path.name) else plan.fitting(root, path.name)


def pooled_fitting(root: Path, path: Path) -> PooledFitting:
    """Return a station's part in a global candidate; raises as `work_of` does."""
    plan = read_plan(path.parent)
    share = read_share(path.parent)
    return PooledFitting(
        series=load_admitted(root, plan.data_sha256),
        window=plan.window,
        blocks=Blocks(train=share.train, gate=plan.blocks.gate),
        recipe=recipe_of(plan.preset),
        cell=path.name.removeprefix(GLOBAL),
        seed=plan.seed,
        share=share,
    )


def read_share(folder: Path) -> Share:
    """Read a plan's share of its pool."""
    content: dict[str, Any] = json.loads((folder / SHARE).read_bytes())
    held = tuple((int(first), int(last)) for first, last in content["held"])
    return Share(train=content["train"], held=held)


def read_pool(folder: Path) -> dict[str, Any]:
    """Read every station's plan and share of the pool that a plan belongs to, as JSON."""
    content: dict[str, Any] = json.loads((folder / SHARE).read_bytes())
    pool: dict[str, Any] = content["pool"]
    return pool


def pooled_stations(folder: Path) -> tuple[str, ...]:
    """Return the stations with which a plan's global candidates were trained."""
    content: dict[str, Any] = json.loads((folder / SHARE).read_bytes())
    return tuple(content["stations"])
