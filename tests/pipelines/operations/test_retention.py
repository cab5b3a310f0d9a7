import os
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.errors import TrackingUnavailable
from forecasting.settings import Settings
from forecasting.stores.liveness import claimed
from forecasting.stores.published import NoChampion, read_pointer
from forecasting.stores.registry import pages
from forecasting.stores.registry.aliases import Move, alias_of, promote
from forecasting.stores.registry.versions import connect, fetch, list_versions
from pipelines.operations import pruning
from pipelines.operations.pruning import DAY, WORK_DAYS, Pruned, gather, prune_home
from pipelines.operations.retention import (
    History,
    OldData,
    OldFile,
    OldRun,
    OldVersion,
    Policy,
    Pruning,
    kept_versions,
    prune,
)
from pipelines.sources.landing import land

MODEL = "climate-oslo"
MODELS = ("climate-oslo", "climate-bergen")
DIGESTS = [f"{letter}{number}" for letter in "ab" for number in range(4)]

ages = st.floats(0, 400)
policies = st.builds(Policy, versions=st.integers(1, 4), days=st.floats(1, 300))


@st.composite
def histories(draw):
    """Anything that years of retraining may leave behind."""
    counts = {model: draw(st.integers(0, 6)) for model in MODELS}
    runs = [f"run-{number}" for number in range(draw(st.integers(1, 8)))]
    versions = [
        OldVersion(
            model=model,
            version=number,
            age=draw(ages),
            run=draw(st.sampled_from(runs)),
            aliased=draw(st.booleans()),
            judged=draw(st.none() | st.integers(1, count)),
            data=frozenset(draw(st.sets(st.sampled_from(DIGESTS), max_size=2))),
        )
        for model, count in counts.items()
        for number in range(1, count + 1)
    ]
    return History(
        versions=tuple(versions),
        runs=tuple(
            OldRun(run=run, age=draw(ages), parent=draw(st.none() | st.just(runs[0])))
            if run != runs[0]
            else OldRun(run=run, age=draw(ages), is_open=draw(st.booleans()))
            for run in runs
        ),
        data=tuple(
            OldData(
                sha256=digest,
                age=draw(ages),
                files=frozenset(draw(st.sets(st.sampled_from("wxyz"), min_size=1, max_size=2))),
            )
            for digest in DIGESTS
        ),
        files=tuple(
            OldFile(sha256=name, age=draw(ages), dataset=draw(st.sampled_from(MODELS)))
            for name in "wxyz"
        ),
        live=frozenset(draw(st.sets(st.sampled_from(DIGESTS), max_size=2))),
    )


def without(history, going):
    """Return the history after the pruning."""
    return replace(
        history,
        versions=tuple(v for v in history.versions if (v.model, v.version) not in going.versions),
        runs=tuple(each for each in history.runs if each.run not in going.runs),
        data=tuple(each for each in history.data if each.sha256 not in going.data),
        files=tuple(each for each in history.files if each.sha256 not in going.files),
    )


@given(histories(), policies)
def test_no_aliased_version_nor_what_it_was_made_from_ever_goes(history, policy):
    going = prune(history, policy)
    files = {each.sha256: each.files for each in history.data}
    aliased = [each for each in history.versions if each.aliased]
    judged = [
        each
        for each in history.versions
        if any(each.model == of.model and each.version == of.judged for of in aliased)
    ]
    for version in (*aliased, *judged):
        assert (version.model, version.version) not in going.versions
        assert version.run not in going.runs
        assert not version.data & going.data
        for digest in version.data:
            assert not files[digest] & going.files


@given(histories(), policies)
def test_what_stations_answer_from_and_what_is_young_or_open_stays(history, policy):
    going = prune(history, policy)
    assert not history.live & going.data
    assert not {each.run for each in history.runs if each.is_open} & going.runs
    for kind in ("runs", "data", "files"):
        young = [each for each in getattr(history, kind) if each.age < policy.days]
        names = {getattr(each, "run", None) or each.sha256 for each in young}
        assert not names & getattr(going, kind)


@given(histories(), policies)
def test_the_newest_versions_of_each_model_stay_and_no_dataset_loses_its_newest_file(
    history, policy
):
    left = without(history, prune(history, policy))
    for model in MODELS:
        had = sorted(each.version for each in history.versions if each.model == model)
        has = [each.version for each in left.versions if each.model == model]
        assert set(had[-policy.versions :]) <= set(has)
        if any(each.dataset == model for each in history.files):
            assert any(each.dataset == model for each in left.files)


@given(histories(), policies)
def test_pruning_twice_removes_no_more_than_once(history, policy):
    again = prune(without(history, prune(history, policy)), policy)
    assert again == Pruning()


@given(histories(), policies)
def test_where_nobody_knows_what_a_version_was_trained_on_no_data_go(history, policy):
    going = prune(replace(history, unknown=True), policy)
    assert going.data | going.files == frozenset()


@given(histories(), policies)
def test_a_more_generous_policy_keeps_more(history, policy):
    more = Policy(versions=policy.versions + 1, days=policy.days + 50)
    assert set(kept_versions(history, policy)) <= set(kept_versions(history, more))
    assert prune(history, more).data <= prune(history, policy).data


@pytest.fixture
def aged(known, declared, version):
    """Four versions, one of them champion, one challenger's rival; a raw file; old work."""
    from pipelines.catalogue import find_dataset  # noqa: PLC0415 - pydantic takes a while

    settings = Settings(home=known.settings.home, keep_versions=1, keep_days=30)
    client = connect(settings)
    land(find_dataset(str(declared)), settings)
    digest = known.series.sha256
    versions = [version(data_sha256=digest, tags={"data_sha256": digest}) for _ in range(4)]
    for each in versions:
        client.set_terminated(each.run_id, "FINISHED")
    first = versions[0].version
    promote(
        client, settings,
        Move(model=MODEL, version=first, judged_against=None, who="ola", why="the first"),
    )  # fmt: skip
    return settings, client, versions


def test_a_home_is_pruned_down_to_the_champion_and_the_newest(aged):
    settings, client, versions = aged
    later = time.time() + 40 * DAY
    names = [versions[1].name, versions[2].name]
    assert prune_home(settings, dry_run=True, now=later).versions == names
    assert len(list_versions(client, MODEL)) == 4
    pruned = prune_home(settings, now=later)
    assert pruned.versions == names
    assert set(pruned.runs) == {versions[1].run_id, versions[2].run_id}
    left = {each.version for each in list_versions(client, MODEL)}
    assert left == {versions[0].version, versions[3].version}
    assert alias_of(client, MODEL, "champion") == versions[0].version
    assert read_pointer(settings.root, MODEL).version == versions[0].version
    assert prune_home(settings, now=later).versions == []


def test_runs_and_versions_behind_the_first_page_are_pruned_too(aged, monkeypatch):
    settings, _, versions = aged
    monkeypatch.setattr(pages, "PAGE", 1)
    pruned = prune_home(settings, now=time.time() + 40 * DAY)
    assert pruned.versions == [versions[1].name, versions[2].name]
    assert set(pruned.runs) == {versions[1].run_id, versions[2].run_id}


def test_the_champions_files_and_data_are_there_after_the_pruning(aged, tmp_path):
    settings, client, versions = aged
    pruned = prune_home(settings, now=time.time() + 400 * DAY)
    assert (pruned.data, pruned.files) == ([], [])
    assert (settings.root / "admitted").is_dir()
    (tmp_path / "fetched").mkdir()
    fetch(client, MODEL, versions[0].version, tmp_path / "fetched")


def test_nothing_young_goes(aged):
    settings, _, _ = aged
    pruned = prune_home(settings)
    assert pruned == Pruned(versions=[], runs=[], data=[], files=[], work=[])


def test_series_that_no_version_and_no_station_names_go_with_their_files(aged):
    settings, client, _ = aged
    folder = settings.root / "admitted" / ("e" * 64)
    folder.mkdir(parents=True)
    (folder / "verdict.json").write_text('{"files_sha256": ["%s"]}' % ("f" * 64))
    later = time.time() + 40 * DAY
    assert {each.sha256 for each in gather(client, settings, later).data} >= {"e" * 64}
    assert prune_home(settings, now=later).data == ["e" * 64]
    assert not folder.exists()


def test_while_nobody_can_read_what_versions_were_made_from_no_data_go(aged, monkeypatch):
    def away(*_):
        raise TrackingUnavailable("the store's files are away")

    settings, *_ = aged
    folder = settings.root / "admitted" / ("e" * 64)
    folder.mkdir(parents=True)
    (folder / "verdict.json").write_text('{"files_sha256": ["%s"]}' % ("f" * 64))
    monkeypatch.setattr(pruning, "logged_inputs", away)
    assert prune_home(settings, now=time.time() + 40 * DAY).data == []
    assert folder.exists()


def test_while_nothing_says_what_a_version_was_trained_on_no_data_go(aged, version):
    settings, client, _ = aged
    folder = settings.root / "admitted" / ("e" * 64)
    folder.mkdir(parents=True)
    (folder / "verdict.json").write_text('{"files_sha256": ["%s"]}' % ("f" * 64))
    lecture = version(model="climate-oslo-lecture")  # as it was registered once, without the tag
    assert prune_home(settings, now=time.time() + 40 * DAY).data == []
    assert folder.exists()
    client.set_tag(lecture.run_id, "data_sha256", "d" * 64)
    assert prune_home(settings, now=time.time() + 40 * DAY).data == ["e" * 64]


def test_work_that_nobody_finished_goes_unless_somebody_is_at_work(aged):
    settings, _, _ = aged
    [work] = (settings.root / "runs").iterdir()
    old = time.time() - (WORK_DAYS + 1) * DAY
    os.utime(work, (old, old))
    with claimed(settings.root, "run-1") as claim:
        assert prune_home(settings).work == []
    claim.remove()
    assert prune_home(settings).work == [work.name]
    assert not work.exists()


def test_a_model_without_a_champion_loses_its_old_versions_too(known, version):
    settings = Settings(home=known.settings.home, keep_versions=1, keep_days=1)
    old, _ = version(), version()
    pruned = prune_home(settings, now=time.time() + 2 * DAY)
    assert pruned.versions == [old.name]
    with pytest.raises(NoChampion):
        read_pointer(settings.root, MODEL)
