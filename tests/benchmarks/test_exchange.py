import sys

import numpy as np
import pytest

from benchmarks.outside import (
    PYTHON,
    ROOT,
    RivalFailed,
    RivalsMissing,
    answers_of,
    ask,
    filled,
    rivals_python,
)
from benchmarks.rivals.exchange import Answer, Question, read_answers, write_answers
from forecasting.climate.model import LEVELS
from tests.benchmarks.conftest import make_station


def test_a_question_comes_back_as_it_was_written(protocol, tmp_path):
    question = ask(protocol, seed=5)
    question.write(tmp_path)
    read = Question.read(tmp_path)
    assert np.array_equal(read.values, question.values)
    assert np.array_equal(read.calendar, question.calendar)
    assert (read.names, read.levels, read.seed) == (question.names, LEVELS, 5)
    assert read.origin_rows == protocol.origins
    assert read.start == "2012-01-01T00:00:00"


def test_a_question_knows_the_calendar_of_every_target_and_no_gap(protocol):
    question = ask(protocol, seed=0)
    assert len(question.calendar) == len(protocol.series) + protocol.window.horizon
    assert np.isfinite(question.values).all()
    assert np.array_equal(question.series[400:], protocol.series.values[400:, 0])


def test_a_gap_is_filled_with_what_was_known_before_it_and_never_with_what_follows():
    whole = make_station(20)
    gappy = make_station(20, gaps=[(4, 0), (5, 0), (0, 1)])
    values = filled(gappy)
    assert values[4, 0] == values[5, 0] == whole.values[3, 0]
    assert values[6, 0] == whole.values[6, 0]
    # Nothing was known before: only here does a value reach back.
    assert values[0, 1] == whole.values[1, 1]


def test_a_column_without_any_value_is_filled_with_zero():
    values = filled(make_station(5, gaps=[(row, 1) for row in range(5)]))
    assert (values[:, 1] == 0).all()


def test_answers_come_back_by_their_names(tmp_path):
    point = Answer(forecast=np.ones((4, 3)), fit_seconds=0.5)
    interval = Answer(forecast=np.ones((4, 3, 2)), fit_seconds=1.5, levels=(0.1, 0.9))
    write_answers(tmp_path / "rival", {"point": point, "interval": interval})
    found = read_answers(tmp_path / "rival")
    assert list(found) == ["interval", "point"]
    assert found["interval"].forecast.shape == (4, 3, 2)
    assert found["interval"].levels == (0.1, 0.9)
    assert (found["point"].levels, found["point"].fit_seconds) == (None, 0.5)


def test_a_missing_environment_is_refused_with_the_command_that_makes_it(tmp_path):
    with pytest.raises(RivalsMissing, match="make rivals"):
        rivals_python(tmp_path)


def test_a_rival_that_fails_says_why(protocol):
    # The product's own interpreter has no statsforecast.
    with pytest.raises(RivalFailed, match="No module named 'statsforecast'"):
        answers_of("statistical", ask(protocol, seed=0), sys.executable)


@pytest.mark.skipif(not (ROOT / PYTHON).is_file(), reason="needs `make rivals`")
def test_the_statistical_rivals_answer_for_every_origin_in_order(protocol):
    answers = answers_of("statistical", ask(protocol, seed=0), ROOT / PYTHON)
    assert len(answers) == 6
    for answer in answers.values():
        assert answer.forecast.shape == (20, 3, len(LEVELS))
        assert (np.diff(answer.forecast, axis=-1) >= 0).all()
    middle = LEVELS.index(0.5)
    own, around = answers["auto_arima"], answers["auto_arima_conformal"]
    assert np.array_equal(own.forecast[..., middle], around.forecast[..., middle])
    assert around.fit_seconds > own.fit_seconds
