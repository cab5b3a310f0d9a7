"""The chart library is written by a child, whole or not at all, and pages do without it."""

import sys

import pytest

from serving.settings import ServingSettings
from serving.web import bundle
from serving.web.bundle import ChartLibrary, write_library
from serving.web.rendering import Pages


@pytest.fixture
def written(tmp_path):
    """A home in which the library lies already."""
    library = ChartLibrary(tmp_path)
    path = library._path
    path.parent.mkdir()
    path.write_bytes(b"the library")
    return library


def test_a_library_that_lies_there_is_served_under_the_name_of_its_content(written):
    assert written.name.startswith("vega-")
    assert written.asset(written.name).content == b"the library"


@pytest.mark.parametrize("name", ["", "vega.js", "../stations/seattle.json", "vega-1.js"])
def test_only_its_own_name_gives_it(written, name):
    assert written.name
    assert written.asset(name) is None


def test_a_home_that_can_go_away_is_not_made_again_by_a_page(tmp_path):
    (tmp_path / "copies" / "web").mkdir(parents=True)
    pages = Pages(ServingSettings(home=tmp_path / "away", cache=tmp_path / "copies"))
    pages._library._path.write_bytes(b"the library")

    assert pages._library.name
    assert pages._library._path.is_relative_to(tmp_path / "copies")


def test_a_library_that_is_not_wanted_or_not_installed_is_asked_of_nobody(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle.threading, "Thread", pytest.fail)
    assert ChartLibrary(tmp_path, enabled=False).name is None
    monkeypatch.setattr(bundle, "PACKAGE", "no-such-package")
    assert ChartLibrary(tmp_path).name is None
    assert list(tmp_path.iterdir()) == []


def test_a_child_that_fails_leaves_nothing_and_is_told_in_the_log(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(bundle.sys, "executable", "/bin/false")

    bundle._have_written(tmp_path / "web" / "vega-0.js")

    assert "was not written" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_the_child_writes_a_library_that_can_do_without_code_made_from_text(tmp_path):
    path = tmp_path / "web" / "vega-0.js"

    bundle._have_written(path)

    text = path.read_text()
    assert "window.vegaEmbed=" in text
    assert "expressionInterpreter" in text
    assert "vl_convert" not in sys.modules


def test_what_lies_there_is_not_written_again(tmp_path):
    path = tmp_path / "vega-0.js"
    path.write_bytes(b"as it was")

    write_library(path)

    assert path.read_bytes() == b"as it was"
    assert "vl_convert" not in sys.modules
