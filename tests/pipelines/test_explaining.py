"""A champion's explanation: found by any of its names, made of its files, logged with its run."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from forecasting.climate.export import GraphForecaster
from forecasting.errors import ModelInvalid, StationUnknown, VersionUnknown, WindowError
from forecasting.stores.published import GRAPH, WEIGHTS
from forecasting.stores.registry.versions import Registration, connect, register, resolve
from pipelines import tracking
from pipelines.explaining import (
    CONTENT,
    FIGURE,
    explain_files,
    explain_version,
    find_version,
    log_candidate,
    log_explanation,
    png,
)

MODEL = "climate-oslo"


@pytest.fixture(scope="module")
def files(small_run):
    """The folder of a trained candidate: its graph and its weights."""
    return small_run.work.folder / small_run.judgement.cell


@pytest.fixture
def client(settings):
    return connect(settings)


@pytest.fixture
def run(client, settings):
    return client.create_run(tracking.experiment_of(client, settings, "explained")).info.run_id


@pytest.fixture
def trained_version(client, run, files, make):
    """Register the trained candidate in the test's own home."""

    def put(**card):
        number = register(
            client,
            graph=files / GRAPH,
            weights=files / WEIGHTS,
            card=make.card(run_id=run, **card),
            registration=Registration(description="", tags={}),
        )
        return resolve(client, f"{MODEL}/{number}")

    return put


def fetched(client, run, name, folder):
    return Path(client.download_artifacts(run, name, str(folder)))


def test_the_folder_of_a_candidate_holds_all_that_an_explanation_needs(files, small_run):
    series = small_run.work.series
    explanation = explain_files(files, series)

    assert explanation.row == len(series) - 1
    assert len(explanation.gating.memory) == small_run.recipe.members
    assert set(explanation.gating.gates) == {small_run.judgement.cell}
    said = GraphForecaster(files / GRAPH)(series.values[None, -10:], series.seconds[-1:])
    np.testing.assert_allclose(explanation.quantiles, said[0], atol=1e-5)


def test_a_version_is_explained_at_any_admitted_day(known, client, trained_version):
    version = trained_version()

    explanation = explain_version(known.settings, client, version, date(2012, 12, 31))

    assert explanation.labels[-1] == "2012-12-31"
    latest = explain_version(known.settings, client, version, None)
    assert latest.labels[-1] == known.series.end.date().isoformat()


def test_a_day_that_was_not_admitted_is_refused(known, client, trained_version):
    with pytest.raises(WindowError, match="found 2030-01-01"):
        explain_version(known.settings, client, trained_version(), date(2030, 1, 1))


def test_a_version_whose_station_is_not_here_is_refused(settings, client, trained_version):
    with pytest.raises(StationUnknown):
        explain_version(settings, client, trained_version(), None)


def test_a_version_of_weights_alone_cannot_be_explained(known, client, version):
    with pytest.raises(ModelInvalid, match="does not say how its networks are shaped"):
        explain_version(known.settings, client, version(), None)


def test_a_version_that_reads_other_variables_is_refused_with_both_lists(
    known, client, trained_version
):
    other = trained_version(variables=("temperature_2m_mean", "precipitation_sum"))

    with pytest.raises(ModelInvalid) as refusal:
        explain_version(known.settings, client, other, None)

    assert refusal.value.expected == "temperature_2m_mean, precipitation_sum"
    assert refusal.value.found == "temperature_2m_mean, wind_speed_10m_mean"


@pytest.mark.parametrize("name", ["oslo", MODEL, f"{MODEL}@champion", f"{MODEL}/1"])
def test_a_version_is_found_by_each_of_its_names(client, trained_version, name):
    trained_version()
    client.set_registered_model_alias(MODEL, "champion", "1")

    assert find_version(client, name).name == f"{MODEL}/1"


@pytest.mark.parametrize("name", ["oslo", "bergen", f"{MODEL}/2", f"{MODEL}@previous"])
def test_a_version_that_is_not_there_is_not_found(client, trained_version, name):
    trained_version()

    with pytest.raises(VersionUnknown):
        find_version(client, name)


def test_a_new_champion_leaves_its_figure_and_numbers_with_its_run(
    work, client, run, files, small_run, tmp_path
):
    candidate = work.folder / small_run.judgement.cell
    candidate.mkdir()
    for name in (GRAPH, WEIGHTS):
        (candidate / name).write_bytes((files / name).read_bytes())

    log_candidate(work.settings, run, work.folder, small_run.judgement)

    said = json.loads(fetched(client, run, CONTENT, tmp_path).read_text())
    assert (said["station"], said["origin"]) == ("oslo", work.series.end.date().isoformat())
    figure = imread(fetched(client, run, FIGURE, tmp_path))
    assert figure.std() > 0.05
    logged = client.get_run(run).data
    assert logged.tags["explanation"] == CONTENT
    assert logged.metrics["explanation/memory_length"] == said["memory"]["mean_length"]


def test_what_cannot_be_explained_leaves_a_tag_that_says_why(work, client, run, make):
    path = work.put("gru", make.graph())

    log_explanation(work.settings, run, path, work.series)

    assert client.get_run(run).data.tags["explanation"].startswith("MODEL_INVALID: the version")
    assert client.list_artifacts(run) == []


def test_the_figure_is_a_png(files, small_run):
    content = png(explain_files(files, small_run.work.series))

    assert content.startswith(b"\x89PNG")
