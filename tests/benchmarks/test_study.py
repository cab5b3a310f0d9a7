from dataclasses import replace

import numpy as np
import optuna
import pytest

from benchmarks import study
from benchmarks.held_out import held_out_loss, noise, relative
from benchmarks.protocol import lay_out
from benchmarks.search import main, parse
from benchmarks.space import SPACE, Setting
from benchmarks.study import Search, StudyMismatch
from forecasting.climate.recipe import RECIPES
from forecasting.errors import Diverged
from tests.benchmarks.conftest import WINDOW, make_station

QUICK = replace(RECIPES["quick"], widths=(16,), cells=("gru",))
BASE = replace(QUICK, training=replace(QUICK.training, epochs=10, patience=3))


def make_search(folder, *, train=120, seed=0, name="study.db", stations=("bergen",)):
    """A study of a station whose every setting is fitted in a second."""
    series = make_station(300)
    return Search(
        protocols=[lay_out(each, series, WINDOW, (train, 1)) for each in stations],
        storage=folder / name,
        seed=seed,
        base=BASE,
    )


def bowl(protocol, setting, seed):
    """Stand for a fit: best near a width of 40 and a dropout of 0.2; a seed changes a little."""
    values = setting.values
    away = (values["width"] - 40) ** 2 / 1e3 + (values["dropout"] - 0.2) ** 2
    return 1.0 + away + 1e-3 * seed * len(protocol.dataset)


@pytest.fixture
def quick(monkeypatch):
    """Fits that take no time."""
    monkeypatch.setattr(study, "held_out_loss", bowl)


def run(search, trials):
    return search.run(600, lambda _: None, trials)


def tried(told):
    ordered = sorted(told["trials"], key=lambda trial: trial["number"])
    return [(trial["values"], trial["relative"]) for trial in ordered]


def test_a_study_that_was_cut_off_goes_on_as_the_whole_one_would_have(tmp_path):
    whole = run(make_search(tmp_path, name="whole.db"), 3)
    run(make_search(tmp_path), 1)
    resumed = run(make_search(tmp_path), 2)
    assert len(tried(whole)) == 4
    assert tried(resumed) == tried(whole)
    assert resumed["default"] == whole["default"]


@pytest.mark.usefixtures("quick")
def test_a_modelled_study_goes_on_as_well_and_finds_what_is_better(tmp_path):
    whole = run(make_search(tmp_path, name="whole.db"), 14)
    run(make_search(tmp_path), 8)
    resumed = run(make_search(tmp_path), 6)
    assert tried(resumed) == tried(whole)
    assert whole["confirmation"]["found"]
    assert whole["confirmation"]["gain"] > 0.1
    assert max(whole["importance"], key=whole["importance"].get) == "width"


@pytest.mark.usefixtures("quick")
def test_another_seed_tries_other_settings(tmp_path):
    first = run(make_search(tmp_path), 3)
    other = run(make_search(tmp_path, seed=5, name="other.db"), 3)
    assert tried(first)[0] == tried(other)[0]  # the default
    assert tried(first)[1:] != tried(other)[1:]


@pytest.mark.usefixtures("quick")
def test_a_trial_that_a_killed_process_left_open_is_drawn_again(tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    whole = run(make_search(tmp_path, name="whole.db"), 2)
    run(make_search(tmp_path), 1)
    monkeypatch.setattr(study, "held_out_loss", killed)
    with pytest.raises(KeyboardInterrupt):
        run(make_search(tmp_path), 1)
    monkeypatch.setattr(study, "held_out_loss", bowl)
    assert tried(run(make_search(tmp_path), 1)) == tried(whole)


@pytest.mark.usefixtures("quick")
def test_a_setting_far_behind_at_the_first_station_is_cut_short(tmp_path):
    told = run(make_search(tmp_path, stations=("bergen", "voss")), 15)
    cut = [trial for trial in told["trials"] if not trial["whole"]]
    assert cut
    assert all(set(trial["losses"]) == {"bergen"} for trial in cut)
    assert all(trial["whole"] for trial in told["trials"][: -len(cut)])


def test_a_setting_that_diverges_is_the_last_and_the_study_goes_on(tmp_path, monkeypatch):
    def fit(protocol, setting, seed):
        if setting.values["layers"] == 2:
            raise Diverged("the loss is not finite")
        return bowl(protocol, setting, seed)

    monkeypatch.setattr(study, "held_out_loss", fit)
    told = run(make_search(tmp_path), 6)
    deep = [trial for trial in told["trials"] if trial["values"]["layers"] == 2]
    assert len(told["trials"]) == 7
    assert deep
    assert told["trials"][-len(deep) :] == deep
    assert {trial["relative"] for trial in deep} == {None}


@pytest.mark.usefixtures("quick")
def test_a_storage_of_other_rows_is_refused(tmp_path):
    run(make_search(tmp_path), 1)
    with pytest.raises(StudyMismatch, match="another study"):
        run(make_search(tmp_path, train=121), 1)


def test_the_default_is_in_the_space_and_comes_back_as_the_default():
    base = RECIPES["default"]
    setting = Setting.default()
    assert set(setting.values) == set(SPACE)
    assert replace(setting.recipe, cells=base.cells) == base
    optuna.trial.create_trial(params=dict(setting.values), distributions=SPACE, value=0.0)


def test_no_row_after_the_train_rows_reaches_a_loss():
    series = make_station(300)
    changed = series.values.copy()
    changed[120:] += 50
    setting = Setting.default(BASE)
    losses = [
        held_out_loss(lay_out("bergen", each, WINDOW, (120, 1)), setting, 1)
        for each in (series, replace(series, values=changed))
    ]
    assert losses[0] == losses[1]


def test_losses_are_counted_in_units_of_the_defaults_mean_at_each_station():
    default = {"bergen": [1.0, 3.0], "voss": [10.0, 10.0]}
    assert relative({"bergen": [4.0], "voss": [5.0]}, default) == [1.25]
    assert relative(default, default) == [0.75, 1.25]
    assert noise(default) == pytest.approx(np.std([0.75, 1.25], ddof=1))


def test_a_file_of_a_station_that_is_not_searched_ends_the_program(tmp_path, capsys):
    command = ["--storage", str(tmp_path / "study.db"), "--dataset", "seattle"]
    with pytest.raises(SystemExit, match="2"):
        parse([*command, "--csv", "delhi=train.csv"])
    assert "expected NAME=PATH" in capsys.readouterr().err


def test_an_unknown_station_is_refused_with_its_code(tmp_path, capsys):
    assert main(["--storage", str(tmp_path / "study.db"), "--dataset", "nowhere"]) == 1
    assert capsys.readouterr().err.startswith("DATASET_UNKNOWN")
