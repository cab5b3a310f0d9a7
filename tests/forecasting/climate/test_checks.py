"""Every check beside its refusal, with both numbers in what it says."""

import math
from dataclasses import replace

import pytest

from forecasting.climate.evidence import Cost
from forecasting.climate.gate import judge

CHAMPION = "better than champion, version 4"


def refusals(evidence):
    """Return what the gate refuses for, by the check's name."""
    verdict = judge(evidence)
    found = {check.name: check for check in verdict.checks if not check.passed}
    assert verdict.promoted is not bool(found)
    return found


@pytest.mark.parametrize("rival", ["persistence", "climatology"])
def test_better_by_what_may_be_luck_is_refused(make, rival):
    refused = refusals(make.evidence(p_values={rival: 0.0501}))

    assert list(refused) == [f"significantly better than {rival}"]
    check = refused[f"significantly better than {rival}"]
    assert check.required == "p <= 0.05 that the mean loss over the horizon is smaller"
    assert check.found.startswith("p = 0.050 for -0.5000 in the mean")
    assert check.found.endswith("(Diebold-Mariano, Holm) at none")
    assert refusals(make.evidence(p_values={rival: 0.05})) == {}


def test_the_damped_rival_need_not_be_beaten_by_more_than_luck(make):
    assert refusals(make.evidence(p_values={"damped_anomaly_persistence": 0.9})) == {}


def test_the_leads_at_which_it_is_significantly_better_are_told(make):
    evidence = make.evidence((1.0, 1.5, 1.6))
    told = replace(
        evidence.comparisons["persistence"],
        by_lead=replace(
            evidence.comparisons["persistence"].by_lead, holm_by_lead=(0.01, 0.2, 0.05)
        ),
    )
    comparisons = {**evidence.comparisons, "persistence": told}

    check = judge(replace(evidence, comparisons=comparisons)).checks[0]

    assert check.found.endswith("(Diebold-Mariano, Holm) at 1, 3")


@pytest.mark.parametrize("rival", ["persistence", "climatology"])
def test_worse_at_a_single_lead_is_refused(make, rival):
    candidate = (1.0, 1.2, 1.4)

    refused = refusals(make.evidence(candidate, rivals={rival: (2.0, 1.17, 1.4)}))

    check = refused[f"as good as {rival} at every lead"]
    assert check.found == "lead 2: 1.2000 against 1.1700"
    assert refusals(make.evidence(candidate, rivals={rival: (2.0, 1.1765, 1.4)})) == {}


def test_a_rival_that_was_not_asked_is_not_beaten(make):
    evidence = make.evidence()
    rivals = {name: each for name, each in evidence.rivals.items() if name != "persistence"}
    comparisons = {name: evidence.comparisons[name] for name in rivals}

    refused = refusals(replace(evidence, rivals=rivals, comparisons=comparisons))

    assert {name: check.found for name, check in refused.items()} == {
        "significantly better than persistence": "no comparison",
        "as good as persistence at every lead": "no such rival",
    }


@pytest.mark.parametrize("rival", ["damped_anomaly_persistence", "linear_ridge"])
def test_a_rival_may_be_better_by_the_margin_and_no_more(make, rival):
    refused = refusals(make.evidence(1.5, rivals={rival: 1.47}))

    assert list(refused) == [f"as good as {rival} in the mean"]
    check = refused[f"as good as {rival} in the mean"]
    assert (check.required, check.found) == ("mean MAE at most 1.4994, 2% over 1.4700", "1.5000")
    assert refusals(make.evidence(1.5, rivals={rival: 1.471})) == {}


def test_a_candidate_better_than_the_champion_is_promoted(make):
    assert refusals(make.evidence(champion=1.3, against=1.2999)) == {}


@pytest.mark.parametrize("ours", [1.3, 1.4, math.nan])
@pytest.mark.parametrize("days", [-10, 0, 27])
def test_a_candidate_equal_to_the_champion_or_worse_or_nan_is_refused(make, ours, days):
    refused = refusals(make.evidence(champion=1.3, against=ours, newer_by_days=days))

    assert list(refused) == [CHAMPION]
    assert refused[CHAMPION].required == (
        "mean MAE below 1.3000, or at most 1.3065 where its last row is 28 days later"
    )
    assert refused[CHAMPION].found == f"{ours:.4f} (p = 0.001), {days} days later"


def test_a_candidate_that_is_smaller_by_rounding_alone_is_not_better(make):
    assert list(refusals(make.evidence(champion=1.3, against=1.3 - 1e-6))) == [CHAMPION]


def test_a_candidate_equal_to_the_champion_and_newer_is_promoted(make):
    equal = {"champion": 1.3, "newer_by_days": 28}

    assert refusals(make.evidence(against=1.3064, **equal)) == {}
    assert list(refusals(make.evidence(against=1.3066, **equal))) == [CHAMPION]
    assert list(refusals(make.evidence(against=math.nan, **equal))) == [CHAMPION]


def test_a_champion_that_says_nothing_on_newer_rows_is_beaten_by_who_says_anything(make):
    assert refusals(make.evidence(champion=math.nan, against=1.7)) == {}
    assert list(refusals(make.evidence(champion=math.nan, against=math.nan))) == [CHAMPION]


def test_a_champion_is_compared_on_its_own_rows_not_on_the_rivals(make):
    assert refusals(make.evidence(1.5, champion=1.3, against=1.2)) == {}
    assert list(refusals(make.evidence(1.2, champion=1.3, against=1.4))) == [CHAMPION]


def test_a_champion_that_was_trained_on_the_gates_rows_cannot_be_beaten_there(make):
    refused = refusals(replace(make.evidence(), champion_version=4))

    assert refused[CHAMPION].required == "rows that neither was trained on"
    assert refused[CHAMPION].found.startswith("none")


@pytest.mark.parametrize(
    ("coverage", "percent"),
    [
        ((0.69, 0.95), 80),
        ((0.91, 0.95), 80),
        ((math.nan, 0.95), 80),
        ((0.8, 0.88), 95),
        ((0.8, math.nan), 95),
    ],
)
def test_intervals_that_do_not_keep_their_promise_are_refused(make, coverage, percent):
    refused = refusals(make.evidence(make.scores(1.5, coverage=coverage)))

    assert list(refused) == [f"honest with its {percent} % interval"]


@pytest.mark.parametrize("coverage", [(0.71, 0.9), (0.89, 1.0)])
def test_intervals_within_the_band_will_do(make, coverage):
    assert refusals(make.evidence(make.scores(1.5, coverage=coverage))) == {}


def test_coverage_is_asked_for_in_the_mean_over_the_leads(make):
    scores = replace(make.scores((1.5, 1.5)), coverage_80_by_lead=(0.65, 0.95))

    assert refusals(make.evidence(scores)) == {}


def test_a_forecast_without_intervals_is_refused(make):
    point = replace(make.scores(1.5), coverage_80_by_lead=None, coverage_95_by_lead=None)

    refused = refusals(make.evidence(point))

    assert {check.found for check in refused.values()} == {"no such interval"}
    assert len(refused) == 2


@pytest.mark.parametrize(
    ("found", "check", "said"),
    [
        ({"finite": False}, "finite and ordered", "finite: False, ordered: True"),
        ({"ordered": False}, "finite and ordered", "finite: True, ordered: False"),
        ({"repeats": False}, "deterministic", "different"),
        ({"batch_difference": 2e-4}, "free of its batch", "0.0002"),
        ({"batch_difference": math.nan}, "free of its batch", "nan"),
        ({"leaks": ("scaler changed",)}, "no leak from the future", "scaler changed"),
    ],
)
def test_a_candidate_that_is_not_sound_is_refused(make, found, check, said):
    refused = refusals(replace(make.evidence(), selftest=make.sound(**found)))

    assert list(refused) == [check]
    assert refused[check].found == said


def test_batches_may_differ_by_the_tolerance(make):
    selftest = make.sound(batch_difference=1e-4)

    assert refusals(replace(make.evidence(), selftest=selftest)) == {}


@pytest.mark.parametrize(
    ("cost", "check", "said"),
    [
        ((51.0, 1.0), "small enough", "51.00 MB"),
        ((1.0, 50.1), "quick enough", "50.10 ms"),
        ((1.0, math.nan), "quick enough", "nan ms"),
    ],
)
def test_a_candidate_that_is_too_large_or_too_slow_is_refused(make, cost, check, said):
    costs = Cost(megabytes=cost[0], milliseconds=cost[1])

    refused = refusals(replace(make.evidence(), cost=costs))

    assert list(refused) == [check]
    assert refused[check].found == said
