"""Scores, comparisons and evidence as the gate takes them, with what a test wants changed."""

import numpy as np

from forecasting.climate.backtest import Scores
from forecasting.climate.evidence import Cost, Duel, Evidence
from forecasting.climate.selftest import SelfTest
from forecasting.climate.significance import AverageSuperiority, Comparison, DieboldMariano

#: Mean errors of the rivals of a made-up station, alike at every lead.
RIVALS = {"persistence": 2.0, "climatology": 3.0, "damped_anomaly_persistence": 1.8}


def make_scores(mae, origins=180, *, coverage=(0.8, 0.95)):
    """Scores of a forecast with these errors by lead, or with one error at its only lead."""
    by_lead = mae if isinstance(mae, tuple) else (mae,)
    return Scores(
        mae_by_lead=by_lead,
        rmse_by_lead=by_lead,
        mean_mae=float(np.mean(by_lead)),
        origins=origins,
        coverage_80_by_lead=(coverage[0],) * len(by_lead),
        coverage_95_by_lead=(coverage[1],) * len(by_lead),
    )


def make_sound(**changes):
    """The self-test of a sound candidate."""
    found = {
        "finite": True, "ordered": True, "repeats": True,
        "batch_difference": 2e-6, "leaks": (),
    }  # fmt: skip
    return SelfTest(**{**found, **changes})


def make_comparison(p_value=0.001, *, difference=-0.5, leads=1):
    """A comparison that comes to this p-value over the horizon and at each lead."""
    each = (p_value,) * leads
    return Comparison(
        over_horizon=AverageSuperiority(
            mean_difference=difference, statistic=-3.0, p_better=p_value, origins=180, block=14,
            resamples=999,
        ),
        by_lead=DieboldMariano(
            statistic_by_lead=(-3.0,) * leads, p_better_by_lead=each, p_different_by_lead=each,
            holm_by_lead=each,
        ),
    )  # fmt: skip


def make_duel(ours, champion, *, newer_by_days=1):
    """A duel with a champion of this error."""
    return Duel(
        champion=make_scores(champion, 90),
        candidate=make_scores(ours, 90),
        comparison=make_comparison(),
        newer_by_days=newer_by_days,
    )


def make_evidence(
    candidate=1.5, *, rivals=None, p_values=None, champion=None, against=None, newer_by_days=1
):
    """Evidence for a sound candidate that beats every rival, champion included if there is one."""
    scores = candidate if isinstance(candidate, Scores) else make_scores(candidate)
    leads = len(scores.mae_by_lead)
    measured = {
        name: make_scores(mae if isinstance(mae, tuple) else (mae,) * leads)
        for name, mae in (RIVALS | (rivals or {})).items()
    }
    return Evidence(
        candidate=scores,
        rivals=measured,
        comparisons={
            name: make_comparison((p_values or {}).get(name, 0.001), leads=leads)
            for name in measured
        },
        selftest=make_sound(),
        cost=Cost(megabytes=0.1, milliseconds=0.5),
        champion_version=None if champion is None else 4,
        duel=None
        if champion is None
        else make_duel(against, champion, newer_by_days=newer_by_days),
    )
