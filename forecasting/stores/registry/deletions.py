"""Find the published versions that the registry no longer has: each is the last known good."""

from pathlib import Path

from mlflow import MlflowClient

from forecasting.errors import VersionUnknown
from forecasting.stores.published import published_models, read_pointer
from forecasting.stores.registry.versions import list_versions


def deleted_versions(client: MlflowClient, root: Path) -> dict[str, int]:
    """Return the published version of every model whose version was deleted, by model.

    Args:
        client: the open store.
        root: the home folder, whose pointers are looked at.

    Raises:
        TrackingUnavailable: the store failed.
    """
    published = {model: read_pointer(root, model).version for model in published_models(root)}
    return {
        model: version
        for model, version in published.items()
        if version not in _present(client, model)
    }


def _present(client: MlflowClient, model: str) -> set[int]:
    """Return the numbers of all versions that the registry has; none of a model that is gone."""
    try:
        return {each.version for each in list_versions(client, model)}
    except VersionUnknown:
        return set()
