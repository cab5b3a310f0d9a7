"""Propose a version to a person, or promote it at once: what the rule of two pairs of eyes says."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from mlflow import MlflowClient

from forecasting.settings import Settings
from forecasting.stores.registry.aliases import (
    CHALLENGER,
    Move,
    alias_of,
    promote,
    promotion_lock,
    require_unmoved,
    set_challenger,
)
from forecasting.stores.registry.versions import fetch, store_errors


def settle(
    client: MlflowClient,
    settings: Settings,
    move: Move,
    check: Callable[[Path], None] | None = None,
) -> bool:
    """Promote what passed the gate, or only propose it where a person has to agree.

    The champion itself, judged again, stays champion.

    Args:
        client: the open store.
        settings: where things are kept, and whether two pairs of eyes are asked for.
        move: the version, and the champion that it was judged against.
        check: looks at the version's verified files and raises where they will not do.

    Returns:
        Whether it was promoted; else it was proposed.

    Raises:
        ChampionMoved: the champion is not the one that the candidate was judged against.
        ManifestMismatch: the version's files are not whole.
    """
    if settings.two_pairs_of_eyes and move.version != move.judged_against:
        propose(client, settings, move, check)
        return False
    promote(client, settings, move, check)
    return True


def propose(
    client: MlflowClient,
    settings: Settings,
    move: Move,
    check: Callable[[Path], None] | None = None,
) -> None:
    """Make a version the challenger, after the same questions as a promotion's.

    Raises:
        ChampionMoved, ManifestMismatch: as `settle`.
    """
    with promotion_lock(settings, move.model) as held, tempfile.TemporaryDirectory() as scratch:
        require_unmoved(client, settings.root, move)
        files = fetch(client, move.model, move.version, Path(scratch))
        if check is not None:
            check(files)
        held.require()
        set_challenger(client, move.model, move.version)


def withdraw_challenger(client: MlflowClient, model: str, version: int) -> None:
    """Take the challenger's alias from a version that has it; the caller holds the lock."""
    if alias_of(client, model, CHALLENGER) == version:
        with store_errors():
            client.delete_registered_model_alias(model, CHALLENGER)
