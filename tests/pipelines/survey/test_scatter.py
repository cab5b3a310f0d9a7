"""Steps of many stations, here or by Dask's workers: the same is told, and refusals travel."""

import pytest

from benchmarks.scale.stations import NAME, write_stations
from pipelines.catalogue import find_parts
from pipelines.survey.folder import Survey, open_survey
from pipelines.survey.scatter import REFUSED, here, scattering
from pipelines.survey.stations import land_station


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A survey of three stations, of which the last has no file."""
    toml = write_stations(tmp_path_factory.mktemp("source"), 3, 20)
    (toml.parent / "s00002.csv").unlink()
    home = tmp_path_factory.mktemp("home")
    survey = Survey(home=home, name=NAME, preset="quick", cell="gru", seed=1, windows=8)
    return survey, open_survey(survey, find_parts(str(toml)))


def test_one_worker_is_this_process():
    with scattering(1) as scatter:
        assert scatter is here


def test_a_refusal_is_told_under_its_station(opened):
    survey, names = opened

    told = dict(here(land_station, survey, names))

    assert [REFUSED in told[name] for name in names] == [False, False, True]
    assert told["s00002"][REFUSED]["code"] == "SOURCE_UNAVAILABLE"


@pytest.mark.system
def test_two_workers_of_dask_tell_what_this_process_tells(opened):
    survey, names = opened

    with scattering(2) as scatter:
        told = dict(scatter(land_station, survey, names))

    assert told == dict(here(land_station, survey, names))
