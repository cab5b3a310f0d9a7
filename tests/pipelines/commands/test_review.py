import json

import pytest

from forecasting.errors import VersionUnknown
from forecasting.stores.published import read_pointer
from pipelines.commands.models import promote
from pipelines.commands.review import approve, reject
from pipelines.reviewers import ReviewInvalid


@pytest.fixture
def proposed(known, version, own_environment, capsys):
    """A version that the gate proposed, by the setting from the environment."""
    own_environment["GATECAST_TWO_PAIRS_OF_EYES"] = "true"
    version()
    assert promote("climate-oslo/1") == 0
    assert capsys.readouterr().out.startswith("Proposed: mean MAE 0.5")
    return known.settings


def test_an_approval_by_name_makes_the_challenger_champion(proposed, capsys):
    approve("climate-oslo@challenger", by="Ada", why="looks right")

    assert capsys.readouterr().out == "climate-oslo/1 is champion, approved by Ada\n"
    assert read_pointer(proposed.root, "climate-oslo").version == 1


@pytest.mark.usefixtures("proposed")
def test_an_approval_says_in_json_who_approved_what(capsys):
    approve("climate-oslo/1", by="Ada", json=True)

    said = json.loads(capsys.readouterr().out)
    assert (said["model"], said["version"], said["approved_by"]) == ("climate-oslo", 1, "Ada")


@pytest.mark.usefixtures("proposed")
def test_a_rejection_says_who_rejected_what_and_why(capsys):
    reject("climate-oslo/1", by="Ada", why="too wide", json=True)

    said = json.loads(capsys.readouterr().out)
    assert (said["version"], said["rejected_by"], said["rejected_why"]) == (1, "Ada", "too wide")
    with pytest.raises(VersionUnknown):
        approve("climate-oslo@challenger", by="Ada")


@pytest.mark.usefixtures("settings")
def test_a_name_or_a_reason_that_is_no_plain_text_is_refused_before_anything_is_opened():
    with pytest.raises(ReviewInvalid):
        approve("climate-oslo/1", by="A\x07da")
    with pytest.raises(ReviewInvalid):
        reject("climate-oslo/1", by="Ada", why="")
