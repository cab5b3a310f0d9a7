import inspect

import pytest

from forecasting.errors import DataUnchecked, SourceFormat, SourceUnavailable
from pipelines.climate import fitted, land, retrain_climate, source_was_away
from pipelines.fitting import FittingFailed


class Ended:
    """What a step's future gives once it has ended: its result, or its error as a value."""

    def __init__(self, outcome):
        self.outcome = outcome

    def result(self, *, raise_on_failure):
        if raise_on_failure and isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def test_a_candidate_that_failed_leaves_the_other_in_the_running():
    failed = Ended(FittingFailed("candidate lstm was not trained", found="exit -9"))
    assert fitted([failed, Ended("/runs/gru")]) == ["/runs/gru"]
    assert fitted([Ended("/runs/lstm"), Ended("/runs/gru")]) == ["/runs/lstm", "/runs/gru"]


def test_when_every_candidate_failed_the_first_ones_error_is_told():
    first = FittingFailed("candidate lstm was not trained", found="DIVERGED")
    with pytest.raises(FittingFailed, match="candidate lstm") as failure:
        fitted([Ended(first), Ended(DataUnchecked("the data has no verdict"))])
    assert failure.value is first


def test_candidates_that_broke_without_a_refusal_are_a_failure_too():
    with pytest.raises(FittingFailed, match="no candidate was trained") as failure:
        fitted([Ended(MemoryError("no more")), Ended(OSError("disk full"))])
    assert "no more" in failure.value.found


def test_only_the_step_that_meets_the_network_is_tried_again():
    from pipelines import climate  # noqa: PLC0415 - its tasks by name

    tasks = (climate.admit, climate.split, climate.fit, climate.judge)
    assert land.retries == 2
    assert [task.retries for task in (*tasks, climate.publish, climate.promote)] == [0] * 6


def test_the_flow_has_the_name_and_the_defaults_that_people_schedule():
    assert retrain_climate.name == "climate-retraining"
    declared = inspect.signature(retrain_climate.fn).parameters
    assert {name: each.default for name, each in declared.items()} == {
        "dataset": "seattle",
        "csv": (),
        "preset": "default",
        "seed": 1,
        "dry_run": False,
        "until": None,
    }


@pytest.mark.parametrize(
    ("outcome", "again"),
    [(SourceUnavailable("away"), True), (SourceFormat("wrong"), False), (["raw.csv"], False)],
)
def test_landing_is_tried_again_only_where_the_source_was_away(outcome, again):
    assert source_was_away(None, None, Ended(outcome)) is again
