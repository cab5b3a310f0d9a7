import re

import pytest

from forecasting.climate.gate import judge
from forecasting.stores.published import ModelCard
from pipelines.describing import (
    check_rows,
    leaderboard_rows,
    registration_of,
    season_rows,
    significance_rows,
)
from pipelines.promotion import card_of


@pytest.fixture(scope="session")
def described(small_run):
    work = small_run.work
    card = card_of(work.settings, work.plan, small_run.judgement, small_run.run)
    return card, registration_of(work.settings, work.plan, small_run.judgement, card)


def test_a_card_says_what_the_graph_reads_and_what_it_has_seen(described, small_run):
    card, work = described[0], small_run.work
    last_seen = work.series.label(work.plan.blocks.train - 1).date().isoformat()
    assert isinstance(card, ModelCard)
    assert (card.model, card.station, card.unit) == ("climate-oslo", "oslo", "°C")
    assert card.variables == ("temperature_2m_mean", "wind_speed_10m_mean")
    assert (card.history, card.horizon) == (10, 1)
    assert card.trained_through == last_seen
    assert (card.data_sha256, card.run_id) == (work.series.sha256, small_run.run)


def test_a_reviewer_reads_data_errors_checks_and_how_to_do_it_again(described, small_run):
    text, work = described[1].description, small_run.work
    assert text.startswith("# oslo: temperature_2m_mean, leads 1 to 1\n\n")
    assert small_run.judgement.verdict.sentence in text
    assert f"SHA-256 `{work.series.sha256}`" in text
    assert "460 steps, 2012-01-01 to 2013-04-04, 920 of 920 values observed" in text
    assert "`gatecast retrain oslo --preset quick --seed 1`" in text
    sections = (
        "Data", "Errors on the gate block", "Skill horizon", "Checks of the gate",
        "Beside the rivals", "Intervals and seasons", "Reproduce",
    )  # fmt: skip
    for section in sections:
        assert f"\n\n## {section}" in text


def test_headings_stand_apart_and_tables_and_lists_hold_together(described):
    lines = described[1].description.splitlines()
    for before, line, after in zip(lines, lines[1:], lines[2:], strict=False):
        if line.startswith("#"):
            assert before == after == ""
        if line == "":
            assert not (before[:1] in "|-" and after[:1] == before[:1] != "")
    assert "\n\n\n" not in described[1].description


def test_the_leaderboard_has_every_candidate_and_rival_best_first(small_run):
    head, rule, *rows = leaderboard_rows(small_run.judgement)
    errors = [float(row.split("|")[2]) for row in rows]
    assert head == "| model | mean | lead 1 |"
    assert rule == "|---|---|---|"
    assert errors == sorted(errors)
    names = {row.split("|")[1].strip() for row in rows}
    assert {"lstm (candidate)", "gru (candidate)", "damped anomaly persistence"} <= names


def test_a_failed_check_is_seen_at_a_glance(small_run):
    verdict = small_run.judgement.verdict
    rows = check_rows(verdict)[2:]
    assert [row.endswith("| NO |") for row in rows] == [not each.passed for each in verdict.checks]


def test_tags_find_a_version_by_its_data_its_errors_and_its_skill(described, small_run):
    tags = described[1].tags
    evidence = small_run.judgement.verdict.evidence
    best = min(evidence.rivals, key=lambda name: evidence.rivals[name].mean_mae)
    assert tags["best_rival"] == best
    assert tags["mean_mae"] == f"{evidence.candidate.mean_mae:.4f}"
    assert re.fullmatch(r"-?\d+\.\d{4}", tags["skill"])
    assert tags["promoted"] == str(small_run.judgement.verdict.promoted).lower()
    assert tags["skill_horizon"] == str(evidence.skill_horizon)
    assert 0 <= float(tags["p_better.climatology"]) <= 1
    assert 0 <= float(tags["coverage_95"]) <= 1
    assert tags["verdict"] == small_run.judgement.verdict.sentence
    assert tags["data_sha256"] == small_run.work.series.sha256


def test_every_rivals_test_is_in_a_table_with_a_p_value_for_each_lead(small_run):
    verdict = small_run.judgement.verdict
    head, _, *rows = significance_rows(verdict)
    assert head == "| rival | difference in the mean | p over the horizon | lead 1 |"
    assert len(rows) == len(verdict.evidence.rivals)
    first = verdict.evidence.comparisons["persistence"]
    assert rows[0].endswith(
        f"| {first.over_horizon.p_better:.3f} | {first.by_lead.holm_by_lead[0]:.3f} |"
    )


def test_intervals_are_told_in_all_and_by_season(small_run, make):
    verdict = small_run.judgement.verdict
    head, _, whole, *seasons = season_rows(verdict)
    assert "| CRPS | coverage 80 % | coverage 95 % | width 80 % | width 95 % |" in head
    assert whole.startswith("| all | 180 |")
    assert [row.split("|")[1].strip() for row in seasons] == ["DJF", "MAM", "SON"]
    assert season_rows(judge(make.evidence()))[2].endswith("| - | 0.800 | 0.950 | - | - |")
