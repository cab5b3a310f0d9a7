"""What stands on the chart is what the API says, drawn by the server and by Vega alike."""

import json
import urllib.request

import pytest

pytestmark = pytest.mark.system

TARGET = "temperature_2m_mean"
ENDS = {50: ("p25", "p75"), 80: ("p10", "p90"), 95: ("p2_5", "p97_5")}

#: Reads each shape's points, and the labelled lines, of the chart that the server drew.
PLAIN = """() => {
  const points = (shape) => shape.getAttribute("points").split(" ").map((p) => +p.split(",")[1]);
  const svg = document.querySelector("#fan-plain svg");
  const all = (kind) => [...svg.querySelectorAll(kind)].map(points);
  const labels = [...svg.querySelectorAll("text[dy]")];
  return {
    scale: labels.map((text) => [+text.getAttribute("y"), +text.textContent]),
    median: all(".median"), bands: all(".band"), observed: all(".observed"),
  };
}"""

#: Reads the points of each path that Vega drew, and turns them back by its own scale.
RICH = """() => {
  const rich = document.getElementById("fan-rich");
  const y = rich.vegaView.scale("y");
  const values = (path) => path.getAttribute("d").match(/-?[\\d.]+,-?[\\d.]+/g)
    .map((pair) => y.invert(+pair.split(",")[1]));
  const of = (kind) => [...rich.querySelectorAll(`.${kind} path`)]
    .filter((path) => path.getAttribute("d")).map(values);
  return { lines: of("ahead_marks"), areas: of("mark-area") };
}"""


@pytest.fixture(scope="module")
def told(address):
    """What the API forecasts for a station."""

    def ask(station):
        with urllib.request.urlopen(f"{address}/v1/forecast?station={station}") as answer:
            content = json.loads(answer.read())
        return content.get("daily") or content["hourly"]

    return ask


def ruler(scale):
    """Return how a height is read off the labelled lines."""
    (y_first, first), *_, (y_last, last) = scale
    return lambda y: first + (y - y_first) * (last - first) / (y_last - y_first)


def column(told, percent, end):
    return told[f"{TARGET}_{ENDS[percent][end]}"]


@pytest.mark.parametrize("station", ["seattle", "oslo"])
def test_without_scripts_the_chart_shows_the_numbers_of_the_api(visit, told, station):
    drawn = visit(f"/stations/{station}", java_script_enabled=False).evaluate(PLAIN)
    expected, value = told(station), ruler(drawn["scale"])
    steps = len(expected["time"])

    [median] = drawn["median"]
    assert [value(y) for y in median] == pytest.approx(expected[TARGET], abs=0.08)
    for points, percent in zip(drawn["bands"], (95, 80, 50), strict=True):
        there, back = points[:steps], points[: steps - 1 : -1]
        assert [value(y) for y in there] == pytest.approx(column(expected, percent, 0), abs=0.08)
        assert [value(y) for y in back] == pytest.approx(column(expected, percent, 1), abs=0.08)


@pytest.mark.parametrize("station", ["seattle", "oslo"])
def test_with_scripts_the_chart_shows_the_numbers_of_the_api(visit, told, station):
    page = visit(f"/stations/{station}")
    page.locator("#fan-rich .mark-line").first.wait_for()
    drawn, expected = page.evaluate(RICH), told(station)

    [median] = drawn["lines"]
    assert median == pytest.approx(expected[TARGET], abs=0.05)
    assert len(drawn["areas"]) == 3
    for points, percent in zip(drawn["areas"], (95, 80, 50), strict=True):
        assert sorted(points) == pytest.approx(
            sorted(column(expected, percent, 0) + column(expected, percent, 1)), abs=0.05
        )
    assert page.locator("#fan-plain").is_hidden()


def test_the_table_beside_the_chart_has_the_same_numbers(visit, told):
    page, expected = visit("/stations/seattle", java_script_enabled=False), told("seattle")

    rows = page.locator("#forecast-table tbody tr").all()
    assert len(rows) == len(expected["time"])
    for step, row in enumerate(rows):
        assert row.locator("time").get_attribute("datetime") == expected["time"][step]
        shown = [float(cell.get_attribute("value")) for cell in row.locator("data").all()]
        ends = [column(expected, percent, end)[step] for percent in (50, 80, 95) for end in (0, 1)]
        assert shown == [expected[TARGET][step], *ends]


def test_refused_points_are_marked_on_both_charts_and_named_in_words(visit):
    refused = ["2015-11-02", "2015-11-03", "2015-12-02"]
    page = visit("/stations/seattle")
    page.locator("#fan-rich .mark-line").first.wait_for()

    marks = page.locator("#fan-plain .quarantined").all()
    assert [mark.get_attribute("data-label") for mark in marks] == refused
    drawn = page.locator("#fan-rich .refused_marks path").all()
    assert len(drawn) == len(refused)
    assert all(mark.is_visible() for mark in drawn)
    named = page.locator("#refused time").all()
    assert [each.get_attribute("datetime") for each in named] == refused


def test_the_pointer_is_told_the_numbers_of_the_step_under_it(visit, told):
    page, expected = visit("/stations/seattle"), told("seattle")
    page.locator("#fan-rich .mark-line").first.wait_for()
    frame = page.locator("#fan-rich .mark-area").first.bounding_box()

    page.mouse.move(frame["x"] + frame["width"] - 2, frame["y"] + frame["height"] / 2)
    tooltip = page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for()

    assert expected["time"][-1] in tooltip.inner_text()
    assert f"{expected[TARGET][-1]:.1f}" in tooltip.inner_text()
