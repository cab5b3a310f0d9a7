import pytest

from forecasting.climate.candidate import Trial
from forecasting.climate.model import LEVELS
from forecasting.climate.refit import judge_refit
from forecasting.climate.windows import Blocks
from tests.pipelines.oslo import ROWS, WINDOW, make_graph, make_series


@pytest.fixture
def judged_beside(tmp_path):
    """Compare a hand-made graph that is wrong by so much with one that is not."""
    blocks = Blocks.of(ROWS, WINDOW)
    trial = Trial(series=make_series(), window=WINDOW, blocks=blocks, levels=LEVELS)

    def judge(**changes):
        (tmp_path / "judged.onnx").write_bytes(make_graph())
        (tmp_path / "refit.onnx").write_bytes(make_graph(**changes))
        return judge_refit(trial, tmp_path / "judged.onnx", tmp_path / "refit.onnx")

    return judge


def failed(verdict):
    return [check.name for check in verdict.checks if not check.passed]


def test_a_refit_that_says_the_same_takes_the_judged_versions_place(judged_beside):
    verdict = judged_beside()
    assert verdict.accepted
    assert "takes the judged version's place: medians 0.0000 apart" in verdict.sentence
    assert "rows that it has seen" in verdict.sentence


def test_a_refit_that_errs_by_a_twentieth_more_is_refused_with_both_numbers(judged_beside):
    verdict = judged_beside(wrong_by=0.1)  # the judged one errs by 0.5 in the mean
    assert failed(verdict) == ["no worse than what was judged"]
    assert not verdict.accepted
    assert "required mean MAE at most 0.5" in verdict.sentence


def test_a_refit_far_from_what_was_judged_is_refused(judged_beside):
    verdict = judged_beside(wrong_by=-0.4)
    assert "near what was judged" in failed(verdict)
    assert "found 0.4000" in verdict.sentence


@pytest.mark.parametrize(
    ("spoiled", "name"),
    [("random", "deterministic"), ("batch", "free of its batch"), ("unordered", "finite and ord")],
)
def test_a_refit_that_fails_a_self_test_is_refused(judged_beside, spoiled, name):
    verdict = judged_beside(spoiled=spoiled)
    assert any(each.startswith(name) for each in failed(verdict))
    assert not verdict.accepted


def test_a_refit_that_says_nothing_is_refused(judged_beside):
    verdict = judged_beside(spoiled="nan")
    assert {"near what was judged", "no worse than what was judged"} < set(failed(verdict))
    assert not verdict.accepted
