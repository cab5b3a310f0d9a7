"""A rehearsal: a whole home is backed up and put back elsewhere, and answers the same bytes."""

import shutil

import pytest
from fastapi.testclient import TestClient

from forecasting.settings import Settings
from pipelines.operations.backup import back_up, restore
from serving.app import create_app
from serving.settings import ServingSettings

pytestmark = pytest.mark.system

ASKED = "/v1/forecast?station=seattle&forecast_days=7&past_days=10&level=80"


def answer(home):
    """Return the bytes that a service on a home answers with, and the answer's tag."""
    settings = ServingSettings(home=home, heal=False, hosts=("testserver",))
    with TestClient(create_app(settings)) as client:
        said = client.get(ASKED)
        models = client.get("/v1/models/seattle")
    assert (said.status_code, models.status_code) == (200, 200)
    return said.content, said.headers["etag"], models.content


def test_after_a_restore_at_another_place_the_service_answers_the_same_bytes(retrained, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(retrained.untouched, home)
    before = answer(home)
    back_up(Settings(home=home), tmp_path / "copy")
    shutil.rmtree(home)
    restore(Settings(home=tmp_path / "another" / "place"), tmp_path / "copy")
    assert answer(tmp_path / "another" / "place") == before
