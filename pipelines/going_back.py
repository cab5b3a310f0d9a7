"""Bring the champion before back, and say so on both versions where a reviewer looks."""

from mlflow import MlflowClient

from forecasting.settings import Settings
from forecasting.stores.published import Pointer
from forecasting.stores.registry.aliases import PREVIOUS, alias_of
from forecasting.stores.registry.versions import resolve
from pipelines.promotion import roll_back
from pipelines.retraining import is_text
from pipelines.reviewing import RESTORED, ROLLED_BACK, Review, mark
from pipelines.texts.promotion import roll_back_text


def go_back(settings: Settings, client: MlflowClient, model: str, who: str, why: str) -> Pointer:
    """Make the champion before champion again, and mark both: which came back, and which left.

    Both logs have it already, and the page shows it from there.

    Args:
        settings: where things are kept.
        client: the open store.
        model: the registered model, of either tenant.
        who: who rolls back.
        why: the reason.

    Raises:
        NoChampion: there is no champion, or none before it.
        IsRejected: a reviewer has turned down the one before it.
        ManifestMismatch, ModelInvalid, ModelOutputInvalid: its files will not do.
    """
    back = roll_back_text if is_text(model) else roll_back
    pointer = back(settings, model, why, who)
    left = alias_of(client, model, PREVIOUS)
    for state, number in ((RESTORED, pointer.version), (ROLLED_BACK, left)):
        version = resolve(client, f"{model}/{number}")
        review = Review.now(state, who, why)
        mark(client, version, review, review.sentence)
    return pointer
