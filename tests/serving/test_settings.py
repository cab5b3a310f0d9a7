"""The API's settings: flags before the environment before the default, and refused when wrong."""

import pytest

from forecasting.errors import SettingsInvalid
from serving.settings import load_serving_settings


def test_a_flag_wins_over_the_environment_and_that_over_the_default(monkeypatch):
    assert load_serving_settings().port == 8000
    monkeypatch.setenv("GATECAST_PORT", "9000")

    assert load_serving_settings(port=None).port == 9000
    assert load_serving_settings(port=9001).port == 9001


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 70_000},
        {"poll_seconds": 0},
        {"poll_seconds": 1.5},
        {"webhook_secret": "short"},
        {"body_bytes": -1},
        {"host": 7},
    ],
)
def test_a_wrong_setting_is_refused_by_name(wrong):
    with pytest.raises(SettingsInvalid, match=next(iter(wrong))):
        load_serving_settings(**wrong)
