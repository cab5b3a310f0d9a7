import pytest

from pipelines import telling
from pipelines.commands.models import _tell_rollback
from pipelines.commands.notify import notify
from pipelines.commands.schedule import SchedulerUnavailable
from pipelines.operations.notices import FLOWS, NOTICES, WebhookInvalid
from pipelines.operations.reaping_flows import TRAINING


@pytest.mark.usefixtures("settings")
def test_without_a_server_there_is_nobody_to_tell(own_environment):
    own_environment.pop("PREFECT_API_URL", None)
    with pytest.raises(SchedulerUnavailable, match="nobody would evaluate automations"):
        notify(url="http://127.0.0.1:1/hook")


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("url", [None, "", "file:///etc/passwd", "ftp://host/hook", "http://"])
def test_an_address_that_cannot_be_called_is_refused_before_the_server_is_asked(
    own_environment, url
):
    own_environment["PREFECT_API_URL"] = "http://127.0.0.1:1/api"
    with pytest.raises(WebhookInvalid) as refusal:
        notify(url=url)
    assert refusal.value.code == "WEBHOOK_INVALID"


def test_every_flow_of_ours_and_every_event_that_we_emit_of_trouble_is_told():
    from pipelines.climate import retrain_climate  # noqa: PLC0415 - prefect takes seconds
    from pipelines.language import train_language  # noqa: PLC0415 - with it
    from pipelines.lecture import retrain_lecture  # noqa: PLC0415 - with it
    from pipelines.operations.scheduled import retrain_on_schedule  # noqa: PLC0415 - with it
    from pipelines.operations.upkeep import prune, reap  # noqa: PLC0415 - with it

    training = (retrain_climate, train_language, retrain_on_schedule, retrain_lecture)
    assert {each.name for each in training} == set(TRAINING)
    assert {each.name for each in (*training, prune, reap)} == set(FLOWS)
    events = {event for notice in NOTICES for event in notice.events}
    assert {
        "gatecast.refused",
        "gatecast.part-refused",
        "gatecast.rolled-back",
        "gatecast.champion-stale",
    } <= events


def test_a_rollback_is_told_where_a_server_is_named(own_environment, monkeypatch):
    heard = []
    monkeypatch.setattr(telling, "emit_event", lambda **told: heard.append(told))
    own_environment.pop("PREFECT_API_URL", None)
    _tell_rollback("climate-oslo", 3, "ola")
    assert heard == []
    own_environment["PREFECT_API_URL"] = "http://127.0.0.1:1/api"
    _tell_rollback("climate-oslo", 3, "ola")
    assert heard[0]["event"] == "gatecast.rolled-back"
    assert heard[0]["payload"] == {"version": 3, "who": "ola"}
