"""Copies of what is live let a service start without its home, and a spoilt copy never answers."""

import resource
import signal
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from forecasting.stores.published import (
    GRAPH,
    pointer_path,
    publish,
    read_pointer,
    version_folder,
    withdraw,
)
from forecasting.stores.stations import read_station, stations_folder, write_station
from serving.app import create_app
from serving.champions import Champions
from serving.last_good import LastGood
from serving.records import Records
from serving.settings import ServingSettings
from serving.texts import TextChampions
from tests.serving.texts import publish_version as publish_text

MODEL = "climate-seattle"


class Service:
    """What an app has of champions, texts, records and copies; it looks when a test says so."""

    def __init__(self, home, cache):
        self.champions = Champions(home, cache=cache)
        self.texts = TextChampions(home, cache=cache)
        self.records = Records(home, cache)
        models = (self.champions, self.texts)
        self.last_good = LastGood(cache, home, models, self.records, clock=lambda: self.now)
        self.now = 0.0

    def look(self):
        self.champions.refresh()
        self.records.refresh()
        self.texts.refresh()
        self.last_good.keep()
        return self


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "copies"


@pytest.fixture
def start(home, cache):
    """Start a service of the home and its copies, as a process does, and let it look once."""
    return lambda: Service(home, cache).look()


@pytest.fixture
def unplug(home):
    return lambda: home.rename(home.with_name("unplugged"))


def flip_a_bit(root, pointer):
    graph = version_folder(root, pointer) / GRAPH
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)


def test_a_start_without_home_answers_from_the_copies(promote, start, unplug):
    promote(4)
    first = start()
    unplug()
    again = start()

    assert again.champions.of(MODEL).pointer.version == 4
    assert again.champions.standings[0].source == "cache"
    assert again.records.of("seattle") == first.records.of("seattle")


def test_an_empty_folder_in_the_homes_place_is_storage_that_went_away(promote, start, unplug, home):
    promote(4)
    start()
    unplug()
    home.mkdir()

    assert start().champions.of(MODEL).pointer.version == 4


def test_a_language_model_is_copied_too(home, start, unplug, tmp_path):
    publish_text(home, tmp_path)
    name = start().texts.models[0]
    unplug()

    assert start().texts.of(name).pointer.model == name


def test_a_spoilt_copy_is_never_used(promote, start, unplug, cache):
    pointer = promote(4)
    start()
    unplug()
    flip_a_bit(cache, pointer)

    assert start().champions.models == ()


@pytest.mark.parametrize("content", [b"{", b"null", b'{"model": 1}'])
def test_a_spoilt_pointer_of_the_copies_is_logged_once(
    promote, start, unplug, cache, content, caplog
):
    promote(4)
    start()
    unplug()
    pointer_path(cache, MODEL).write_bytes(content)
    caplog.clear()
    service = start()
    service.look()

    assert service.champions.models == ()
    assert len(caplog.records) == 1


def test_a_home_whose_version_is_spoilt_starts_from_the_copy(promote, start, home):
    pointer = promote(4)
    start()
    flip_a_bit(home, pointer)
    service = start()

    assert service.champions.of(MODEL).pointer.version == 4
    assert service.champions.swap_failed == 1
    assert service.champions.failing == {MODEL: "MANIFEST_MISMATCH"}


def test_a_home_that_comes_back_is_followed_again(promote, start, unplug, home):
    promote(4)
    start()
    away = unplug()
    service = start()
    away.rename(home)
    promote(5)
    service.look()

    assert service.champions.of(MODEL).pointer.version == 5
    assert service.champions.standings[0].source == "home"


def test_only_the_live_version_is_kept(promote, start, cache):
    promote(4)
    service = start()
    five = promote(5)
    service.look()

    folder = pointer_path(cache, MODEL).parent
    assert {path.name for path in folder.iterdir()} == {"champion.json", five.folder}


def test_a_rollback_is_copied_like_any_version(promote, start, unplug, home):
    first = promote(4)
    promote(5)
    service = start()
    publish(home, version_folder(home, first), version=4, alias="champion", run_id="run-4")
    service.look()
    unplug()

    assert start().champions.of(MODEL).pointer == first


def test_a_withdrawn_champion_is_not_brought_back_by_its_copy(promote, start, unplug, home):
    promote(4)
    service = start()
    withdraw(home, MODEL)
    service.look()
    assert service.champions.models == ()
    unplug()

    assert start().champions.models == ()


def test_storage_that_went_away_takes_no_copy_with_it(promote, start, unplug, cache):
    promote(4)
    service = start()
    unplug()
    service.look()
    start()

    assert read_pointer(cache, MODEL).version == 4
    assert read_station(cache, "seattle").card.name == "seattle"


def test_a_new_day_is_copied_and_a_removed_station_is_removed(
    start, home, cache, station_of, unplug
):
    service = start()
    write_station(home, station_of(days=70))
    service.look()
    assert len(read_station(cache, "seattle").recent.time) == 70

    write_station(home, station_of("oslo"))
    (stations_folder(home) / "seattle.json").unlink()
    service.look()
    unplug()

    assert start().records.names == ("oslo",)


def test_a_damaged_record_of_the_home_starts_from_its_copy(start, home):
    start()
    (stations_folder(home) / "seattle.json").write_bytes(b"{")

    assert start().records.names == ("seattle",)


@pytest.fixture
def promoted(promote):
    return promote(4)


@pytest.fixture
def full_disk():
    """Let every write beyond 512 bytes of a file fail, as on a full disk, until it is called."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, before[1]))
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before)
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.usefixtures("promoted")
def test_a_full_disk_fails_no_swap_and_leaves_no_half_copy(home, cache, full_disk, caplog):
    service = Service(home, cache).look()
    full_disk()

    assert service.champions.of(MODEL).pointer.version == 4
    assert service.last_good.failed == 1
    assert "could not be copied" in caplog.text
    assert not pointer_path(cache, MODEL).exists()

    service.look()
    assert not pointer_path(cache, MODEL).exists()
    service.now = 60.0
    service.look()
    assert read_pointer(cache, MODEL).version == 4


def test_without_a_cache_nothing_is_copied_and_nothing_is_live_without_home(
    home, promote, unplug, tmp_path
):
    promote(4)
    Champions(home).refresh()
    before = set(tmp_path.iterdir())
    unplug()
    champions = Champions(home)
    champions.refresh()

    assert champions.models == ()
    assert len(set(tmp_path.iterdir())) == len(before)


def test_the_service_says_that_it_answers_from_the_copies(settings, promote, unplug, cache):
    promote(4)
    settings = ServingSettings(**settings.model_dump() | {"cache": cache})
    for _ in range(2):
        with TestClient(create_app(settings)) as client:
            assert client.app.state.parts.watcher.wait(10)
            ready = client.get("/readyz")
            answer = client.get("/v1/forecast?station=seattle")
        if settings.home.exists():
            unplug()

    assert (ready.status_code, ready.json()["source"]) == (200, "cache")
    assert answer.json()["model"]["version"] == 4


def test_copies_of_another_model_in_its_place_are_not_used(
    promote, start, unplug, cache, model_card
):
    promote(4)
    oslo = promote(7, card=replace(model_card, model="climate-oslo", station="oslo"))
    start()
    unplug()
    pointer_path(cache, oslo.model).replace(pointer_path(cache, MODEL))

    assert start().champions.models == ()
