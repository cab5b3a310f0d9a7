"""Cut a version's description to what the registry's database takes, and keep the whole of it."""

from typing import Final

from mlflow import MlflowClient

#: Longest description that MLflow's tables take on a database server; SQLite takes any.
STORED: Final = 5000

#: What stands where a description was cut off.
CUT: Final = "\n\n… cut: the registry keeps 5,000 characters, the run's `description` all of it"


def storable(client: MlflowClient, description: str) -> str:
    """Cut a description to what the registry takes, and say so in it.

    Of a longer one the beginning is kept, up to the end of a line, so that no row of a table is
    cut in two.
    """
    if client.tracking_uri.startswith("sqlite") or len(description) <= STORED:
        return description
    kept = description[: STORED - len(CUT)]
    whole = kept.rpartition("\n")[0]
    return (whole if len(whole) > len(kept) // 2 else kept) + CUT


def kept_description(client: MlflowClient, run_id: str, model_id: str, description: str) -> str:
    """Return what the registry takes of a description; what is cut is logged with the run."""
    stored = storable(client, description)
    if stored != description:
        client.log_text(run_id, description, f"description/{model_id}.md")
    return stored
