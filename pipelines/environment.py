"""Set what Prefect and MLflow read from the environment, before either is imported."""

import os

from forecasting.settings import Settings
from forecasting.stores.registry.store import quiet_environment

#: Where a Prefect server keeps who holds a deployment's one place: in files under its home.
LEASES = "prefect.server.concurrency.lease_storage.filesystem"

#: Prefect keeps its runs for ever unless told otherwise, and the reaper has 1,440 a day. What came
#: of a retraining is in MLflow and in the home folder; two weeks of runs are enough to look at.
VACUUM = {
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "1209600",
}


def prepare(settings: Settings) -> None:
    """Keep Prefect's home under ours, give its own server time to start, send nothing anywhere.

    A server that the operator runs is used when PREFECT_API_URL names it.

    Raises:
        PickleEnabled: somebody has switched MLflow's pickle loading on.
    """
    quiet_environment()
    home = settings.root / "prefect"
    home.mkdir(parents=True, exist_ok=True)
    os.environ["GATECAST_HOME"] = str(settings.root)
    wanted = {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # Its own limit of 20 s is short on a busy two-core machine.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "90",
        # In memory, as is its way, the place of a run that is killed with its server would stay
        # taken, and its deployment, which runs once at a time, would never run again.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": LEASES,
        **VACUUM,
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_CLI_PROMPT": "false",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": str(settings.root / "cache" / "matplotlib"),
    }
    for name, value in wanted.items():
        os.environ.setdefault(name, value)
