"""The flows of upkeep: reap what died every minute, prune what is old every night."""

import time
from dataclasses import asdict
from typing import Any

from prefect import flow

from forecasting.settings import Settings, load_settings
from forecasting.stores.intentions import under_way
from forecasting.stores.liveness import claims
from pipelines.operations.owing import tell_owed
from pipelines.operations.reaping_flows import Reaped, reap_flows


@flow(name="reaper", flow_run_name="reap")
def reap(*, thorough: bool = False, dry_run: bool = False) -> dict[str, Any]:
    """Close runs whose process is gone and remove what is half-written; says what it did.

    Args:
        thorough: look through the registry and the home's temporary files in any case, and not
            only where something has died; publish champions that were named in MLflow's pages.
        dry_run: change nothing.
    """
    return reap_all(load_settings(), thorough=thorough, dry_run=dry_run)


@flow(name="pruner", flow_run_name="prune")
def prune(*, dry_run: bool = False) -> dict[str, Any]:
    """Reap thoroughly, then remove what the policy lets go; says what it did."""
    from pipelines.operations.pruning import prune_home  # noqa: PLC0415 - MLflow takes seconds

    settings = load_settings()
    reaped = reap_all(settings, thorough=True, dry_run=dry_run)
    return {"dry_run": dry_run, "reaped": reaped, **asdict(prune_home(settings, dry_run=dry_run))}


def reap_all(settings: Settings, *, thorough: bool, dry_run: bool) -> dict[str, Any]:
    """Reap in Prefect, in MLflow and in the home, and tell what the dead have not told.

    Doing it twice changes nothing.
    """
    now, reaped = time.time(), Reaped()
    died = any(claim.is_dead(now) for claim in claims(settings.root))
    reap_flows(settings.root, reaped, dry_run=dry_run)
    if thorough or died or reaped.flow_runs or under_way(settings.root):
        # MLflow takes seconds to import, which a look that finds nothing need not spend.
        from pipelines.operations.reaping import reap_files, reap_tracking  # noqa: PLC0415 - so

        reap_tracking(settings, reaped, thorough=thorough, dry_run=dry_run)
        reap_files(settings, reaped, now, dry_run=dry_run)
    reaped.notices += tell_owed(settings.root, dry_run=dry_run)
    return {"dry_run": dry_run, **asdict(reaped)}
