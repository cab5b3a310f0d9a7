"""Where no model can answer, the page shows what is usual, says so, and says why."""

import json
import re
from dataclasses import replace
from datetime import date, timedelta

from forecasting.stores.climatologies import ClimatologyTable
from forecasting.stores.stations import write_station

TARGET = "temperature_2m_mean"
USUAL = ClimatologyTable(
    levels=(0.1, 0.5, 0.9), course=(10.0,) * 366, offsets=((-2.0, 0.0, 2.0),) * 12,
    step_seconds=86_400, through="2015-12-31",
)  # fmt: skip


def test_where_no_model_answers_what_is_usual_is_shown_as_that(client, home, station_of, look):
    write_station(home, replace(station_of(), climatologies={TARGET: USUAL}))
    look()

    page = client.get("/stations/seattle").text

    assert "No model has been promoted for it yet. Shown is what is usual" in page
    shown = re.findall(r'<data value="([^"]+)">', page)
    assert [float(each) for each in shown] == [10.0, 8.0, 12.0] * 7
    assert "usual median" in page


def test_days_that_are_too_old_leave_a_gap_before_what_is_usual(client, home, station_of, look):
    last = date.today() - timedelta(days=20)  # noqa: DTZ011 - far from any zone's midnight
    old = station_of(last=last)
    card = replace(old.card, max_age_days=5)
    write_station(home, replace(old, card=card, climatologies={TARGET: USUAL}))
    look()

    page = client.get("/stations/seattle").text

    assert "DATA_TOO_OLD" in page
    assert "Shown is what is usual" in page
    [specification] = re.findall(r'id="fan-specification">(.*?)</script>', page)
    observed = json.loads(specification)["datasets"]["observed"]
    gap = [each for each in observed if each["value"] is None]
    assert 17 <= len(gap) <= 20
    assert observed[-len(gap) - 1]["label"] == str(last)
