"""What a version's weights say of its members is enough to ask them again."""

import json
import shutil

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from forecasting.climate.assembling import assemble
from forecasting.climate.members import SPECS, blend_of, members_of, write_members
from forecasting.climate.windows import cut
from forecasting.errors import ModelInvalid
from forecasting.stores.published import WEIGHTS
from tests.forecasting.average import Average

ORIGIN = torch.tensor([1_480_000_000, 0])


@pytest.fixture
def ensemble(make_forecaster):
    members = [
        make_forecaster(cell="gru", view="level"),
        make_forecaster(cell="lstm", seed=1, widths=(4, 6), head=3),
    ]
    return Average(members).eval()


@pytest.fixture
def folder(ensemble, tmp_path):
    write_members(ensemble, tmp_path / WEIGHTS)
    return tmp_path


def test_the_members_come_back_and_say_the_same(ensemble, folder):
    history = torch.randn(2, 10, 2) * 5 + 12
    history[0, 3, 0] = torch.nan

    members = members_of(folder)

    assert [member.spec for member in members] == [each.spec for each in ensemble.members]
    for mine, theirs in zip(members, ensemble.members, strict=True):
        assert not mine.training
        torch.testing.assert_close(mine(history, ORIGIN), theirs(history, ORIGIN), rtol=0, atol=0)


def test_the_members_of_a_trained_ensemble_are_in_its_weights(trained, tmp_path):
    fitting, folder = trained
    ensemble = assemble(fitting, folder).blend
    write_members(ensemble, tmp_path / WEIGHTS)

    assert len(members_of(tmp_path)) == len(ensemble.members) == fitting.recipe.members


def test_a_whole_blend_comes_back_and_says_the_same(trained, tmp_path):
    fitting, folder = trained
    blend = assemble(fitting, folder).blend
    write_members(blend, tmp_path / WEIGHTS)
    windows = cut(fitting.series, fitting.window, range(200, 205))
    history, origin = torch.from_numpy(windows.history.copy()), torch.tensor([0, 9, 99, 999, 9999])

    again = blend_of(tmp_path)

    assert not again.training
    with torch.no_grad():
        torch.testing.assert_close(again(history, origin), blend(history, origin), rtol=0, atol=0)


def test_members_without_a_blend_are_not_taken_for_one(folder):
    with pytest.raises(ModelInvalid, match="do not fit"):
        blend_of(folder)


def test_weights_without_specs_are_refused(folder):
    save_file(load_file(folder / WEIGHTS), folder / WEIGHTS)

    with pytest.raises(ModelInvalid, match="does not say how its networks are shaped"):
        members_of(folder)


def rewrite(folder, change):
    """Write the file again with the first spec changed."""
    with safe_open(folder / WEIGHTS, framework="pt") as kept:
        specs = json.loads(kept.metadata()[SPECS])
    change(specs[0])
    state = load_file(folder / WEIGHTS)
    save_file(state, folder / "changed", metadata={SPECS: json.dumps(specs)})
    shutil.move(folder / "changed", folder / WEIGHTS)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda spec: spec.update(colour="red"), id="an unknown key"),
        pytest.param(lambda spec: spec.pop("window"), id="a missing key"),
        pytest.param(lambda spec: spec.update(widths=[9]), id="another width"),
        pytest.param(lambda spec: spec.update(cell="transformer"), id="another cell"),
    ],
)
def test_specs_that_do_not_fit_the_weights_are_refused(folder, change):
    rewrite(folder, change)

    with pytest.raises(ModelInvalid):
        members_of(folder)


def test_a_file_that_is_no_safetensors_is_refused(folder):
    (folder / WEIGHTS).write_bytes(b"no weights")

    with pytest.raises(ModelInvalid, match="do not fit their members"):
        members_of(folder)


def test_a_model_without_climate_members_is_not_written(tmp_path):
    for model in (torch.nn.Linear(1, 1), Average([torch.nn.Linear(1, 1)])):
        with pytest.raises(ModelInvalid, match="no ensemble of climate forecasters"):
            write_members(model, tmp_path / WEIGHTS)

    assert not (tmp_path / WEIGHTS).exists()
