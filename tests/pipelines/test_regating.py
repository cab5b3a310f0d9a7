from dataclasses import replace

import pytest

from forecasting.errors import DataUnchecked, PromotionRefused
from forecasting.stores.decisions import read_decisions
from forecasting.stores.published import read_pointer
from forecasting.stores.registry.aliases import alias_of
from forecasting.stores.registry.versions import connect, resolve
from pipelines.recording import logged_verdict
from pipelines.regating import promote_again

MODEL = "climate-oslo"


@pytest.fixture
def client(settings):
    return connect(settings)


@pytest.fixture
def again(known, client, tmp_path):
    """Run the gate again on a version."""
    return lambda version: promote_again(known.settings, client, version, tmp_path / "scratch")


def test_a_version_that_passes_the_gate_again_is_promoted(known, version, again, client):
    result = again(version())
    assert result["promoted"] is True
    assert result["verdict"]["sentence"].startswith("Promoted")
    assert result["metrics"]["mae_by_lead"] == [pytest.approx(0.5, abs=1e-3)]
    assert read_pointer(known.settings.root, MODEL).version == 1
    assert alias_of(client, MODEL, "champion") == 1


def test_the_champion_itself_passes_the_gate_again(again, version, client):
    again(version())
    assert again(resolve(client, f"{MODEL}@champion"))["promoted"] is True
    assert alias_of(client, MODEL, "previous") is None


def test_a_version_worse_than_the_champion_is_refused_with_both_numbers(
    known, again, version, client
):
    again(version(wrong_by=0.2))
    result = again(version(wrong_by=0.5))
    assert result["promoted"] is False
    assert "required mean MAE below 0.6" in result["verdict"]["sentence"]
    assert "found 0.9" in result["verdict"]["sentence"]
    assert alias_of(client, MODEL, "champion") == 1
    assert read_pointer(known.settings.root, MODEL).version == 1


def test_a_version_that_has_seen_the_gates_rows_is_refused(again, version, work, client):
    start = work.series.label(work.plan.blocks.train - 1).date().isoformat()
    late = work.series.label(work.plan.blocks.train).date().isoformat()
    with pytest.raises(PromotionRefused, match="was trained on rows of the gate") as refusal:
        again(version(trained_through=late))
    assert refusal.value.expected == f"trained through {start} at the latest"
    assert refusal.value.found == late
    assert alias_of(client, MODEL, "champion") is None
    assert again(version(trained_through=start))["promoted"] is True


def test_the_lectures_model_is_never_promoted(again, version, client):
    with pytest.raises(PromotionRefused, match="climate-oslo-lecture is never promoted"):
        again(version(model="climate-oslo-lecture"))
    assert alias_of(client, "climate-oslo-lecture", "champion") is None


def test_data_without_a_verdict_promotes_nobody(known, again, version, client):
    one = version()
    verdicts = known.settings.root / "admitted" / known.series.sha256 / "verdict.json"
    verdicts.unlink()
    with pytest.raises(DataUnchecked):
        again(one)
    assert alias_of(client, MODEL, "champion") is None


def test_a_version_whose_name_and_card_disagree_is_refused(again, version):
    stray = replace(version(station="bergen"), model=MODEL)
    with pytest.raises(PromotionRefused, match="a station's own model"):
        again(stray)


def test_the_newer_verdict_stands_where_the_first_one_stood(again, version, client):
    again(version(wrong_by=0.2))
    refused = again(version(wrong_by=0.5))
    shown = resolve(client, f"{MODEL}/2")
    assert shown.tags["promoted"] == "false"
    assert shown.tags["verdict"] == refused["verdict"]["sentence"]
    kept = logged_verdict(client, shown.run_id)
    assert kept["sentence"] == refused["verdict"]["sentence"]
    assert kept["evidence"]["duel"]["champion"]["mean_mae"] < 0.7
    assert resolve(client, f"{MODEL}/1").tags["promoted"] == "true"


def test_each_run_of_the_gate_leaves_its_decision_where_the_page_reads_it(known, again, version):
    better, worse = again(version(wrong_by=0.2)), again(version(wrong_by=0.5))

    refused, promoted = read_decisions(known.settings.root, MODEL)
    assert (refused.promoted, promoted.promoted) == (False, True)
    assert (refused.sentence, promoted.sentence) == (
        worse["verdict"]["sentence"],
        better["verdict"]["sentence"],
    )
    assert (refused.version, refused.judged_against, promoted.version) == (2, 1, 1)
    assert list(promoted.candidate.mae_by_lead) == better["metrics"]["mae_by_lead"]
