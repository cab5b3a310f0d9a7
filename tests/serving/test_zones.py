"""Labels move to another clock where that is certain, and are refused where it is a guess."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.refusals import RequestRefused
from serving.zones import station_zone, zone_shift

PARTS = [
    "..",
    ".",
    "/",
    "A",
    "Europe",
    "Oslo",
    "\0",
    "tzdata",
    "__init__",
    "a.b",
    "\ud800",
    "_",
    "~",
]
NAMES = st.lists(st.sampled_from(PARTS), max_size=6).map("".join)


def hours(first, count):
    start = int(datetime.fromisoformat(first).replace(tzinfo=UTC).timestamp())
    return [start + 3600 * hour for hour in range(count)]


@pytest.fixture
def card_in(record):
    def build(zone, step_seconds=3600):
        return replace(record.card, timezone=zone, step_seconds=step_seconds)

    return build


def test_the_stations_own_zone_changes_nothing(card_in):
    labels = hours("2024-01-01T00:00", 3)

    for asked in ("auto", "Europe/Oslo"):
        assert zone_shift(card_in("Europe/Oslo"), asked, labels) == labels


def test_hours_are_said_on_another_clock_over_its_change(card_in):
    labels = hours("2024-03-31T00:00", 3)

    moved = zone_shift(card_in("UTC"), "Europe/Oslo", labels)

    assert [datetime.fromtimestamp(each, UTC).hour for each in moved] == [1, 3, 4]


@pytest.mark.parametrize(
    ("own", "asked", "first", "message"),
    [
        ("Europe/Oslo", "UTC", "2024-10-27T01:00", "station's own clock"),
        ("Europe/Oslo", "UTC", "2024-03-31T01:00", "station's own clock"),
        ("UTC", "Europe/Oslo", "2024-10-27T00:00", "twice on that clock"),
        ("UTC", "Nowhere/Atlantis", "2024-01-01T00:00", "IANA"),
        ("UTC", "../../etc/passwd", "2024-01-01T00:00", "IANA"),
        ("UTC", "__init__/x", "2024-01-01T00:00", "IANA"),
        ("UTC", "America", "2024-01-01T00:00", "IANA"),
        ("UTC", "", "2024-01-01T00:00", "IANA"),
    ],
)
def test_what_cannot_be_said_without_guessing_is_refused(card_in, own, asked, first, message):
    with pytest.raises(RequestRefused, match=message) as refused:
        zone_shift(card_in(own), asked, hours(first, 3))

    assert refused.value.faults[0].path == "timezone"


def test_days_stay_those_of_their_station(card_in):
    with pytest.raises(RequestRefused, match="Europe/Oslo"):
        zone_shift(card_in("Europe/Oslo", 86_400), "UTC", [0, 86_400])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=64) | NAMES)
def test_no_name_of_a_zone_breaks_anything(card_in, name):
    try:
        moved = zone_shift(card_in("UTC"), name, [0, 3600])
    except RequestRefused:
        return
    assert moved[1] - moved[0] == 3600


def test_a_zone_that_this_machine_lacks_counts_as_utc(card_in):
    assert station_zone(card_in("Mars/Olympus")) is UTC
