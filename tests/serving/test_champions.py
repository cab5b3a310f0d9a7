"""The live champion follows the pointer, and stays when the pointer leads nowhere."""

from dataclasses import asdict, replace
from itertools import pairwise

import pytest

from forecasting.errors import NoChampion
from forecasting.stores.files import write_json
from forecasting.stores.published import GRAPH, pointer_path, publish, version_folder, withdraw
from serving.backoff import LONGEST_BACKOFF_SECONDS
from serving.champions import Champions

MODEL = "climate-seattle"


class Clock:
    """Seconds that a test moves."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def champions(home, clock):
    return Champions(home, clock)


def flip_a_bit(home, pointer):
    graph = version_folder(home, pointer) / GRAPH
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)


def test_there_is_no_champion_until_one_is_published(champions, promote):
    champions.refresh()
    with pytest.raises(NoChampion):
        champions.of(MODEL)

    promote(1)
    champions.refresh()

    assert champions.of(MODEL).pointer.version == 1
    assert champions.models == (MODEL,)


def test_a_new_pointer_is_followed_and_an_equal_one_is_not_loaded_again(champions, promote):
    promote(1)
    champions.refresh()
    first = champions.of(MODEL)
    champions.refresh()
    assert champions.of(MODEL) is first

    promote(2)
    champions.refresh()

    assert champions.of(MODEL).pointer.version == 2
    assert champions.swaps == 2


def test_a_rollback_is_followed_like_any_pointer(champions, promote, home):
    first = promote(1)
    promote(2)
    champions.refresh()

    publish(home, version_folder(home, first), version=1, alias="champion", run_id="run-1")
    champions.refresh()

    assert champions.of(MODEL).pointer == first


def test_a_flipped_bit_keeps_the_old_champion_and_is_counted(champions, promote, home):
    promote(1)
    champions.refresh()
    flip_a_bit(home, promote(2))
    champions.refresh()

    assert champions.of(MODEL).pointer.version == 1
    assert champions.swap_failed == 1


def test_a_version_that_is_whole_but_wrong_keeps_the_old_champion(champions, promote):
    promote(1)
    champions.refresh()
    promote(2, offset=float("nan"))
    champions.refresh()

    assert champions.of(MODEL).pointer.version == 1
    assert champions.swap_failed == 1


def test_a_failed_version_is_tried_again_later_and_later(champions, promote, clock, home):
    flip_a_bit(home, promote(1))
    tried_at = []
    for _ in range(4000):
        failed = champions.swap_failed
        champions.refresh()
        if champions.swap_failed > failed:
            tried_at.append(clock.now)
        clock.now += 0.1

    pauses = [later - earlier for earlier, later in pairwise(tried_at)]
    assert pauses[:3] == pytest.approx([1, 2, 4], abs=0.2)
    assert max(pauses) == pytest.approx(LONGEST_BACKOFF_SECONDS, abs=0.2)


def test_a_mended_version_is_taken_at_the_next_try(champions, promote, clock, home):
    pointer = promote(1)
    flip_a_bit(home, pointer)
    champions.refresh()
    flip_a_bit(home, pointer)
    champions.refresh()
    with pytest.raises(NoChampion):
        champions.of(MODEL)

    clock.now = 2.0
    champions.refresh()

    assert champions.of(MODEL).pointer == pointer


def test_another_version_is_tried_at_once_after_a_failed_one(champions, promote, home):
    flip_a_bit(home, promote(1))
    champions.refresh()
    promote(2)
    champions.refresh()

    assert champions.of(MODEL).pointer.version == 2


def test_a_failed_version_that_is_taken_back_is_forgotten(champions, promote, home, clock):
    first = promote(1)
    champions.refresh()
    flip_a_bit(home, promote(2))
    champions.refresh()
    publish(home, version_folder(home, first), version=1, alias="champion", run_id="run-1")
    champions.refresh()
    clock.now = 1000.0
    champions.refresh()

    assert champions.swap_failed == 1
    assert champions.of(MODEL).pointer == first


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b"\xff", b'{"model": 1}', b"null"])
def test_a_damaged_pointer_keeps_the_old_champion(champions, promote, home, content):
    promote(1)
    champions.refresh()
    pointer_path(home, MODEL).write_bytes(content)
    champions.refresh()
    champions.refresh()

    assert champions.of(MODEL).pointer.version == 1
    assert champions.swap_failed == 1


def test_a_pointer_to_no_files_is_not_followed(champions, promote, home):
    promote(1)
    champions.refresh()
    write_json(pointer_path(home, MODEL), asdict(promote(2)) | {"folder": "gone"})
    champions.refresh()

    assert champions.of(MODEL).pointer.version == 1
    assert champions.swap_failed == 1


def test_a_pointer_out_of_its_own_folder_is_not_followed_even_to_whole_files(
    champions, promote, home
):
    promote(1)
    champions.refresh()
    pointer = promote(2)
    version_folder(home, pointer).rename(home / "published" / "outside")
    write_json(pointer_path(home, MODEL), asdict(pointer) | {"folder": "../outside"})
    champions.refresh()

    assert champions.of(MODEL).pointer.version == 1


def test_another_models_pointer_is_not_followed_even_to_whole_files(
    champions, promote, home, model_card
):
    promote(1)
    champions.refresh()
    oslo = promote(7, card=replace(model_card, model="climate-oslo", station="oslo"))
    write_json(pointer_path(home, MODEL), asdict(oslo))
    champions.refresh()

    assert champions.of(MODEL).pointer.version == 1
    assert champions.of("climate-oslo").pointer == oslo


def test_a_withdrawn_champion_is_dropped(champions, promote, home):
    promote(1)
    champions.refresh()
    withdraw(home, MODEL)
    champions.refresh()

    with pytest.raises(NoChampion):
        champions.of(MODEL)


def test_storage_that_went_away_withdraws_nothing(champions, promote, home):
    promote(1)
    champions.refresh()
    home.rename(home.with_name("unplugged"))
    champions.refresh()

    assert champions.of(MODEL).pointer.version == 1


def test_only_climate_models_are_followed(champions, home):
    other = home / "published" / "language-time-machine"
    other.mkdir(parents=True)
    (other / "champion.json").write_text("{}")
    champions.refresh()

    assert champions.models == ()
    assert champions.swap_failed == 0
