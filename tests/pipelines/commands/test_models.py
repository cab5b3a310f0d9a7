import json

import pytest

from forecasting.errors import NoChampion, PickleEnabled, PromotionRefused, VersionUnknown
from forecasting.stores.published import read_pointer
from forecasting.stores.registry.aliases import read_log
from forecasting.stores.registry.versions import connect, resolve
from pipelines.commands.models import list_all, promote, rollback, show
from pipelines.commands.review import reject
from pipelines.outcomes import IsRejected
from serving.web.evidence import record_of


def said(capsys):
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("settings")
def test_an_empty_registry_lists_nothing(capsys):
    list_all(json=True)
    assert said(capsys) == {"versions": []}
    list_all()
    assert "Models" in capsys.readouterr().out


def test_versions_are_listed_newest_first_with_aliases_and_errors(version, capsys):
    version(tags={"mean_mae": "9.8765"})
    version(tags={"mean_mae": "1.2345", "skill": "0.1", "skill_horizon": "6"})
    promote("climate-oslo/1")
    capsys.readouterr()
    list_all(json=True)
    listed = said(capsys)["versions"]
    assert [(each["version"], each["aliases"]) for each in listed] == [(2, []), (1, ["champion"])]
    list_all()
    out = capsys.readouterr().out
    assert out.index("climate-oslo/2") < out.index("climate-oslo/1")
    assert "1.2345" in out
    assert "9.8765" not in out  # the gate has measured it anew


def test_one_version_is_shown_as_a_reviewer_reads_it(version, capsys):
    version(tags={"skill": "0.1"})
    show("climate-oslo/1")
    out = capsys.readouterr().out
    assert "Oslo's own" in out
    assert "Tags, as of the last judgement" in out
    show("climate-oslo/1", json=True)
    shown = said(capsys)
    assert shown["verdict"] is None
    assert (shown["model"], shown["version"]) == ("climate-oslo", 1)
    assert shown["tags"]["skill"] == "0.1"


def test_a_judged_version_is_shown_with_its_whole_verdict(version, capsys):
    version()
    promote("climate-oslo/1")
    capsys.readouterr()
    show("climate-oslo/1", json=True)
    verdict = said(capsys)["verdict"]
    assert verdict["promoted"] is True
    assert verdict["skill_horizon"] == 1
    assert verdict["limits"]["significance"] == 0.05
    assert verdict["evidence"]["comparisons"]["climatology"]["over_horizon"]["p_better"] <= 0.05
    show("climate-oslo/1")
    assert "skill_horizon" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["climate-oslo/9", "climate-oslo@champion", "climate-oslo", "/1"])
def test_a_version_that_is_not_there_is_refused(version, name):
    version()
    with pytest.raises(VersionUnknown):
        show(name)


def test_a_version_that_passes_is_promoted_with_0_and_a_worse_one_refused_with_1(
    known, version, capsys
):
    version(wrong_by=0.2)
    version(wrong_by=0.5)
    assert promote("climate-oslo/1", json=True) == 0
    assert said(capsys)["promoted"] is True
    assert promote("climate-oslo/2", json=True) == 1
    refused = said(capsys)
    assert (refused["version"], refused["promoted"]) == (2, False)
    assert promote("climate-oslo/2") == 1
    assert capsys.readouterr().out.startswith("Refused: not better than champion, version 1")
    assert read_pointer(known.settings.root, "climate-oslo").version == 1


def test_the_lectures_model_is_refused(version):
    version(model="climate-oslo-lecture")
    with pytest.raises(PromotionRefused):
        promote("climate-oslo-lecture/1")


@pytest.mark.parametrize("name", ["oslo", "climate-oslo"])
def test_the_champion_before_comes_back_by_station_or_model(known, version, capsys, name):
    for error in (0.5, 0.2):
        version(wrong_by=error)
    promote("climate-oslo/1")
    promote("climate-oslo/2")
    capsys.readouterr()
    rollback(name)
    assert capsys.readouterr().out == "climate-oslo: version 1 is champion again\n"
    assert read_pointer(known.settings.root, "climate-oslo").version == 1
    rollback(name, json=True)
    assert said(capsys)["version"] == 2
    events = record_of(known.settings.root, "climate-oslo").events
    assert [(event.kind, event.version) for event in events[:2]] == [
        ("rolled back", 2),
        ("rolled back", 1),
    ]


def test_a_rollback_is_seen_on_both_versions_in_the_registry_itself(known, version):
    for error in (0.5, 0.2):
        version(wrong_by=error)
    promote("climate-oslo/1")
    promote("climate-oslo/2")

    rollback("oslo", by="Ada", why="too *wide*")

    client = connect(known.settings)
    back, left = (resolve(client, f"climate-oslo/{number}") for number in (1, 2))
    assert (back.aliases, left.aliases) == (("champion",), ("previous",))
    assert back.tags.items() >= {
        "promoted": "true", "review": "restored", "restored_by": "Ada",
        "restored_why": "too *wide*",
    }.items()  # fmt: skip
    assert left.tags.items() >= {
        "promoted": "false", "review": "rolled_back", "rolled_back_by": "Ada",
    }.items()  # fmt: skip
    assert "Restored by Ada: too \\*wide\\*" in back.description
    assert "Rolled back by Ada: too \\*wide\\*" in left.description
    assert client.get_run(left.run_id).data.tags["review"] == "rolled_back"
    line = read_log(known.settings.root)[-1]
    assert (line["who"], line["why"], line["after"]) == ("Ada", "too *wide*", 1)


def test_a_version_that_was_rejected_is_not_brought_back(known, version):
    for error in (0.5, 0.2):
        version(wrong_by=error)
    promote("climate-oslo/1")
    promote("climate-oslo/2")
    reject("climate-oslo/1", by="Ada", why="the sensor was in the sun")

    with pytest.raises(IsRejected) as refused:
        rollback("oslo")

    assert refused.value.code == "IS_REJECTED"
    assert "`gatecast models promote climate-oslo/1`" in str(refused.value)
    assert "found the sensor was in the sun" in str(refused.value)
    assert read_pointer(known.settings.root, "climate-oslo").version == 2
    assert read_log(known.settings.root)[-1]["after"] == 2


@pytest.mark.usefixtures("settings")
def test_nothing_is_rolled_back_where_there_is_no_champion():
    with pytest.raises(NoChampion):
        rollback("oslo")


@pytest.mark.usefixtures("settings")
def test_the_registry_is_not_opened_where_pickle_was_switched_on(monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    with pytest.raises(PickleEnabled):
        list_all()
