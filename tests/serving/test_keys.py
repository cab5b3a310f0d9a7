"""Keys: 256 random bits that are shown once, kept as a digest, and end."""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from serving.key_stores import DatabaseKeys, FileKeys, keys_path
from serving.keys import (
    KEY,
    KeyInvalid,
    KeysDamaged,
    KeyUnknown,
    create_key,
    find_key,
    revoke_key,
    rotate_key,
)
from tests.postgres import BINARIES, MISSING, cluster

GOOD = json.dumps(
    {
        "1f0c9a3e": {
            "id": "1f0c9a3e",
            "name": "ann",
            "sha256": "0",
            "scopes": ["forecast"],
            "created": "2026-01-01T00:00:00+00:00",
            "expires": "2036-01-01T00:00:00+00:00",
        }
    }
)


@pytest.fixture(scope="module")
def database():
    if BINARIES is None:
        pytest.skip(MISSING)
    with cluster() as made:
        yield made


@pytest.fixture
def keys_uri(database):
    """The address of a database in which no key was ever made."""
    with database.connect() as connection:
        connection.execute("DROP TABLE IF EXISTS gatecast_keys")
    return database.address()


@pytest.fixture(params=["file", "postgres"])
def store(request, tmp_path):
    if request.param == "file":
        return FileKeys(tmp_path)
    return DatabaseKeys(request.getfixturevalue("keys_uri"))


def test_a_key_is_found_by_what_was_shown_and_kept_only_as_a_digest(store):
    whole, key = create_key(store, "ann", ("forecast",))

    assert find_key(store.read(), whole) == key
    assert whole.split("_", 2)[2] not in repr(store.read())
    assert len(KEY.fullmatch(whole).group(2)) == 43  # 256 bits


def test_the_file_is_for_its_owner_only_and_holds_no_key(tmp_path):
    whole, _ = create_key(FileKeys(tmp_path), "ann", ("forecast",))

    assert keys_path(tmp_path).stat().st_mode & 0o777 == 0o600
    assert whole.split("_", 2)[2] not in keys_path(tmp_path).read_text()


def test_a_key_with_one_character_changed_is_not_found(store):
    whole, _ = create_key(store, "ann", ("forecast",))
    keys = store.read()

    for place in range(len(whole)):
        other = "A" if whole[place] != "A" else "B"
        assert find_key(keys, whole[:place] + other + whole[place + 1 :]) is None


@given(some.text())
def test_no_other_text_is_a_key(text):
    assert find_key({}, text) is None


def test_a_key_ends_at_its_time(store):
    _, key = create_key(store, "ann", ("forecast",), days=1)
    created = datetime.fromisoformat(key.created)

    assert key.works(created)
    assert key.works(created + timedelta(hours=23))
    assert not key.works(created + timedelta(days=1))


def test_a_revoked_key_ends_at_once_and_stays_in_the_list(store):
    _, key = create_key(store, "ann", ("forecast",))

    revoked = revoke_key(store, key.id)

    assert not revoked.works(datetime.now(UTC) + timedelta(seconds=1))
    assert store.read()[key.id] == revoked


def test_revoking_again_does_not_make_a_key_last_longer(store):
    _, key = create_key(store, "ann", ("forecast",))
    first = revoke_key(store, key.id)

    assert revoke_key(store, key.id, hours=24).revoked == first.revoked


def test_rotation_gives_a_like_key_and_lets_the_old_one_go_on_for_a_while(store):
    old_whole, old = create_key(store, "ann", ("forecast", "observe"), days=30)

    new_whole, new = rotate_key(store, old.id, hours=24)
    keys = store.read()
    now = datetime.now(UTC)

    assert (new.name, new.scopes) == (old.name, old.scopes)
    assert find_key(keys, new_whole).works(now + timedelta(days=29))
    assert find_key(keys, old_whole).works(now + timedelta(hours=23))
    assert not find_key(keys, old_whole).works(now + timedelta(hours=25))


def test_a_key_that_has_ended_is_not_rotated(store):
    _, key = create_key(store, "ann", ("forecast",))
    revoke_key(store, key.id, hours=-1)

    with pytest.raises(KeyInvalid, match="ended"):
        rotate_key(store, key.id, hours=1)


@pytest.mark.parametrize("change", [revoke_key, lambda store, key: rotate_key(store, key, 1)])
def test_a_key_that_is_not_there_cannot_be_changed(store, change):
    with pytest.raises(KeyUnknown, match="none yet"):
        change(store, "00000000")


@pytest.mark.parametrize(
    ("name", "scopes", "days"),
    [
        ("", ("forecast",), None),
        ("a\nb", ("forecast",), None),
        ("ann", (), None),
        ("ann", ("everything",), None),
        ("ann", ("forecast",), 0),
        ("ann", ("forecast",), 4000),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(store, name, scopes, days):
    with pytest.raises(KeyInvalid):
        create_key(store, name, scopes, days)

    assert store.read() == {}


def test_admin_is_for_everything_and_nothing_else_is(store):
    _, admin = create_key(store, "ann", ("admin",))
    _, observer = create_key(store, "bob", ("observe",))

    assert admin.allows("forecast")
    assert admin.allows("observe")
    assert not observer.allows("forecast")


def test_keys_made_at_once_are_all_kept(store):
    makers = [
        threading.Thread(target=create_key, args=(store, f"maker {number}", ("forecast",)))
        for number in range(8)
    ]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()

    assert len(store.read()) == 8


def test_nothing_but_the_keys_is_left_beside_them(tmp_path):
    create_key(FileKeys(tmp_path), "ann", ("forecast",))

    assert [path.name for path in keys_path(tmp_path).parent.iterdir()] == ["keys.json"]


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{",
        '{"1f0c9a3e": null}',
        '{"1f0c9a3e": {"id": "1f0c9a3e"}}',
        GOOD.replace('"sha256": "0"', '"sha256": 0'),
        GOOD.replace("2036-01-01T00:00:00+00:00", "some day"),
        GOOD.replace("2036-01-01T00:00:00+00:00", "2036-01-01"),
    ],
)
def test_a_damaged_file_is_refused_whatever_it_holds(tmp_path, content):
    keys_path(tmp_path).parent.mkdir()
    keys_path(tmp_path).write_text(GOOD)
    assert FileKeys(tmp_path).read()["1f0c9a3e"].works(datetime.now(UTC))

    keys_path(tmp_path).write_text(content)
    with pytest.raises(KeysDamaged):
        FileKeys(tmp_path).read()
