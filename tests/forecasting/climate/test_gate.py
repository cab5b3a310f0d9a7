"""The gate's rule: what is promoted, what is refused, and what the verdict says and keeps."""

import json
import math
from dataclasses import replace

from forecasting.climate.gate import LIMITS, judge


def failed(verdict):
    return [check.name for check in verdict.checks if not check.passed]


def test_a_candidate_better_than_everybody_is_promoted(make):
    verdict = judge(make.evidence())

    assert verdict.promoted
    assert failed(verdict) == []
    assert verdict.sentence == (
        "Promoted: mean MAE 1.500 against 1.800 of damped_anomaly_persistence, the best simple "
        "rival (+16.7 % skill), at 180 origins never trained on; useful up to lead 1."
    )


def test_a_candidate_that_is_not_a_number_is_refused(make):
    p_values = {"persistence": 1.0, "climatology": 1.0}

    verdict = judge(make.evidence(math.nan, p_values=p_values))

    assert not verdict.promoted
    assert failed(verdict) == [
        "significantly better than persistence",
        "as good as persistence at every lead",
        "significantly better than climatology",
        "as good as climatology at every lead",
        "as good as damped_anomaly_persistence in the mean",
    ]
    assert "found nan" in verdict.sentence


def test_every_reason_is_told_when_there_are_more(make):
    evidence = replace(make.evidence(2.5), selftest=make.sound(repeats=False))

    verdict = judge(evidence)

    assert len(failed(verdict)) == 3
    assert all(f"not {name} " in verdict.sentence for name in failed(verdict))


def test_other_limits_come_to_another_verdict(make):
    evidence = make.evidence(p_values={"persistence": 0.02})

    assert judge(evidence).promoted
    assert not judge(evidence, replace(LIMITS, significance=0.01)).promoted


def test_a_verdict_keeps_every_number_test_and_threshold_that_it_used(make):
    content = judge(make.evidence(champion=1.3, against=1.2)).to_json()

    evidence = content["evidence"]
    assert evidence["duel"]["champion"]["mean_mae"] == 1.3
    assert evidence["duel"]["candidate"]["mean_mae"] == 1.2
    assert evidence["comparisons"]["climatology"]["over_horizon"]["p_better"] == 0.001
    assert set(evidence["rivals"]) == set(evidence["comparisons"])
    assert evidence["selftest"]["batch_difference"] == 2e-6
    assert evidence["cost"] == {"megabytes": 0.1, "milliseconds": 0.5}
    assert content["limits"]["significance"] == 0.05
    assert content["skill_horizon"] == 1
    assert len(content["checks"]) == 14
    json.dumps(content, allow_nan=False)


def test_a_perfect_rival_refuses_without_a_division_by_zero(make):
    verdict = judge(make.evidence(0.0, rivals={"persistence": 0.0}, p_values={"persistence": 1.0}))

    assert failed(verdict) == ["significantly better than persistence"]
    assert "+0.0 % skill" in verdict.sentence
