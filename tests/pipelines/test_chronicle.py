import math
from dataclasses import replace

from forecasting.climate.gate import judge
from forecasting.settings import load_settings
from forecasting.stores.decisions import read_decisions
from pipelines.chronicle import entry_of, keep, lead_scores
from pipelines.deciding import Decision
from tests.judged import make_evidence, make_scores

MODEL = "climate-oslo"


def test_a_decision_is_left_with_the_errors_by_lead_of_the_candidate_and_of_every_rival():
    verdict = judge(make_evidence((1.0, 1.6), rivals={"persistence": (1.1, 2.2)}))
    decision = Decision(model=MODEL, version=2, promoted=verdict.promoted, verdict=verdict)

    entry = entry_of(decision, "run-7", {"preset": "quick", "cell": "gru"})

    assert (entry.version, entry.run_id, entry.promoted) == (2, "run-7", verdict.promoted)
    assert entry.sentence == verdict.sentence
    assert entry.skill_horizon == verdict.skill_horizon
    assert (entry.preset, entry.cell, entry.origins) == ("quick", "gru", 180)
    assert entry.candidate.mae_by_lead == (1.0, 1.6)
    assert entry.candidate.coverage_80_by_lead == (0.8, 0.8)
    assert entry.rivals["persistence"].mae_by_lead == (1.1, 2.2)
    assert set(entry.rivals) == {"persistence", "climatology", "damped_anomaly_persistence"}


def test_a_refused_candidate_leaves_its_decision_too(tmp_path):
    verdict = judge(make_evidence(2.5))
    decision = Decision(model=MODEL, version=None, promoted=False, verdict=verdict)

    keep(load_settings(home=tmp_path), decision, "run-8", {})

    [entry] = read_decisions(tmp_path, MODEL)
    assert (entry.version, entry.promoted) == (None, False)
    assert entry.sentence.startswith("Refused: ")


def test_a_promotion_has_its_line_from_the_move_of_the_alias(tmp_path):
    verdict = judge(make_evidence((1.0, 1.6)))
    decision = Decision(model=MODEL, version=2, promoted=True, verdict=verdict)

    keep(load_settings(home=tmp_path), decision, "run-9", {})

    assert read_decisions(tmp_path, MODEL) == []


def test_an_undefined_error_is_left_as_a_gap():
    scores = replace(make_scores((1.0, math.nan)), mean_mae=math.nan)

    assert lead_scores(scores).mae_by_lead == (1.0, None)
    assert lead_scores(scores).mean_mae is None
