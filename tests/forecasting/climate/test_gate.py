"""The gate: every check beside its refusal, with both numbers in what it says."""

import math

import pytest

from forecasting.climate.gate import Evidence, best_rival, judge

RIVALS = {"persistence": 2.0, "climatology": 3.0, "damped_anomaly_persistence": 1.8}


@pytest.fixture
def evidence_of(scores, sound):
    def build(candidate=1.5, *, rivals=None, champion=None, against=None, version=None, **found):
        measured = RIVALS | (rivals or {})
        return Evidence(
            candidate=scores(candidate),
            rivals={name: scores(mae) for name, mae in measured.items()},
            selftest=sound(**found),
            champion_version=version,
            champion=None if champion is None else scores(champion, 90),
            against_champion=None if against is None else scores(against, 90),
        )

    return build


def failed(verdict):
    return [check.name for check in verdict.checks if not check.passed]


def test_a_candidate_better_than_everybody_is_promoted(evidence_of):
    verdict = judge(evidence_of())

    assert verdict.promoted
    assert failed(verdict) == []
    assert verdict.sentence == (
        "Promoted: mean MAE 1.500 against 1.800 of damped_anomaly_persistence, the best simple "
        "rival (+16.7 % skill), at 180 origins never trained on."
    )


@pytest.mark.parametrize("rival", RIVALS)
@pytest.mark.parametrize("theirs", [1.4, 1.5])
def test_a_candidate_worse_than_a_rival_or_equal_to_it_is_refused(evidence_of, rival, theirs):
    verdict = judge(evidence_of(1.5, rivals={rival: theirs}))

    assert not verdict.promoted
    assert failed(verdict) == [f"better than {rival}"]
    assert f"required mean MAE below {theirs:.4f}, found 1.5000" in verdict.sentence


def test_a_candidate_that_is_not_a_number_is_refused(evidence_of):
    verdict = judge(evidence_of(math.nan))

    assert not verdict.promoted
    assert failed(verdict) == [f"better than {name}" for name in RIVALS]
    assert "found nan" in verdict.sentence


def test_a_candidate_better_than_the_champion_is_promoted(evidence_of):
    assert judge(evidence_of(version=4, champion=1.3, against=1.2999)).promoted


@pytest.mark.parametrize("ours", [1.3, 1.4, math.nan])
def test_a_candidate_equal_to_the_champion_or_worse_or_nan_is_refused(evidence_of, ours):
    verdict = judge(evidence_of(version=4, champion=1.3, against=ours))

    assert not verdict.promoted
    assert failed(verdict) == ["better than champion, version 4"]
    assert f"required mean MAE below 1.3000, found {ours:.4f}" in verdict.sentence


def test_a_champion_is_compared_on_its_own_rows_not_on_the_rivals(evidence_of):
    assert judge(evidence_of(1.5, version=4, champion=1.3, against=1.2)).promoted
    assert not judge(evidence_of(1.2, version=4, champion=1.3, against=1.4)).promoted


def test_a_champion_that_was_trained_on_the_gates_rows_cannot_be_beaten_there(evidence_of):
    verdict = judge(evidence_of(version=4))

    assert not verdict.promoted
    assert "required rows that neither was trained on, found none" in verdict.sentence


@pytest.mark.parametrize(
    ("found", "check", "said"),
    [
        ({"finite": False}, "finite and ordered", "found finite: False, ordered: True"),
        ({"ordered": False}, "finite and ordered", "found finite: True, ordered: False"),
        ({"repeats": False}, "deterministic", "two equal calls give equal bits, found different"),
        (
            {"batch_difference": 2e-4},
            "free of its batch",
            "required batch 1 and 7 within 0.0001, found 0.0002",
        ),
        ({"batch_difference": math.nan}, "free of its batch", "within 0.0001, found nan"),
        (
            {"leaks": ("scaler changed",)},
            "no leak from the future",
            "change nothing at it, found scaler changed",
        ),
    ],
)
def test_a_candidate_that_is_not_sound_is_refused(evidence_of, found, check, said):
    verdict = judge(evidence_of(**found))

    assert not verdict.promoted
    assert failed(verdict) == [check]
    assert said in verdict.sentence


def test_batches_may_differ_by_the_tolerance(evidence_of):
    assert judge(evidence_of(batch_difference=1e-4)).promoted


def test_every_reason_is_told_when_there_are_more(evidence_of):
    verdict = judge(evidence_of(2.5, repeats=False))

    assert len(failed(verdict)) == 3
    assert all(f"not {name} " in verdict.sentence for name in failed(verdict))


def test_a_verdict_keeps_every_number_that_it_used(evidence_of):
    content = judge(evidence_of(version=4, champion=1.3, against=1.2)).to_json()

    assert content["evidence"]["champion"]["mean_mae"] == 1.3
    assert content["evidence"]["against_champion"]["mean_mae"] == 1.2
    assert set(content["evidence"]["rivals"]) == set(RIVALS)
    assert content["evidence"]["selftest"]["batch_difference"] == 2e-6
    assert len(content["checks"]) == 8


def test_the_best_rival_is_the_one_with_the_least_error(evidence_of):
    assert best_rival(evidence_of())[0] == "damped_anomaly_persistence"


def test_a_perfect_rival_refuses_without_a_division_by_zero(evidence_of):
    verdict = judge(evidence_of(0.0, rivals={"persistence": 0.0}))

    assert failed(verdict) == ["better than persistence"]
    assert "+0.0 % skill" in verdict.sentence
