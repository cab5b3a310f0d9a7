"""A champion of before comes back unless somebody has turned it down, however late."""

import pytest

from forecasting.stores.registry.aliases import alias_of, promote
from forecasting.stores.registry.versions import connect, resolve
from pipelines import promotion
from pipelines.outcomes import REJECTED, IsRejected
from pipelines.promotion import roll_back
from pipelines.regating import promote_again
from pipelines.reviewing import Review, reject

MODEL = "climate-oslo"


@pytest.fixture
def client(settings):
    return connect(settings)


@pytest.fixture
def two(known, version, client, tmp_path):
    """Let the gate promote two versions, one after the other."""
    for number, error in enumerate((0.5, 0.2), start=1):
        version(wrong_by=error)
        folder = tmp_path / str(number)
        folder.mkdir()
        found = resolve(client, f"{MODEL}/{number}")
        assert promote_again(known.settings, client, found, folder)["promoted"]
    return known.settings


def test_a_rejection_while_somebody_rolls_back_is_seen_under_the_lock(two, client, monkeypatch):
    def late(client, settings, move, check):
        said = Review.now(REJECTED, "Ada", "the sensor was in the sun")
        reject(two, client, resolve(client, f"{MODEL}/1"), said)
        return promote(client, settings, move, check)

    monkeypatch.setattr(promotion, "promote", late)

    with pytest.raises(IsRejected, match="rejected by Ada"):
        roll_back(two, MODEL, "by hand")

    assert alias_of(client, MODEL, "champion") == 2
