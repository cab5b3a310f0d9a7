"""People reach everything: by keyboard, by screen reader, on a narrow screen, without scripts."""

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.system

PAGES = ("/stations/seattle", "/stations/seattle/data", "/stations/bergen", "/playground")
NARROW = {"viewport": {"width": 320, "height": 640}}

#: Which element is in focus, by what a person would call it.
FOCUSED = "() => document.activeElement.id || document.activeElement.textContent.trim()"


def reached(page, presses):
    """Return what the Tab key reaches, in order."""
    found = []
    for _ in range(presses):
        page.keyboard.press("Tab")
        found.append(page.evaluate(FOCUSED))
    return found


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_serious_in_either_light(visit, path):
    page = drawn(visit(path, color_scheme="light"))
    found = grave_findings(page)

    page.emulate_media(color_scheme="dark")
    found += grave_findings(page, {"runOnly": ["color-contrast"]})  # dark changes only colours

    assert found == []


def grave_findings(page, rules=None):
    """Return what axe finds serious or critical, with the first element that it names."""
    found = Axe().run(page, options=rules).response["violations"]
    grave = [each for each in found if each["impact"] in {"serious", "critical"}]
    return [(each["id"], each["nodes"][0]["html"]) for each in grave]


def drawn(page):
    """Wait for Vega's chart where the page has one."""
    if page.locator("#fan-specification").count():
        page.locator("#fan-rich .mark-line").first.wait_for()
    return page


def test_nothing_is_wider_than_a_narrow_screen(visit, address):
    page = visit("/", **NARROW)

    for path in [*PAGES, "/stations/oslo"]:
        page.goto(f"{address}{path}")
        assert drawn(page).evaluate("() => document.documentElement.scrollWidth") <= 320, path


def test_on_a_narrow_screen_every_card_has_the_whole_width(visit, address):
    page = visit("/", **NARROW)

    for path in PAGES:
        page.goto(f"{address}{path}")
        widths = drawn(page).evaluate(
            "() => [...document.querySelectorAll('.card')].map((card) => card.offsetWidth)"
        )
        assert all(width >= 0.8 * 320 for width in widths), (path, widths)


def test_nothing_is_wider_than_a_sheet_of_paper(visit):
    page = drawn(visit("/stations/seattle", viewport={"width": 700, "height": 900}))

    page.emulate_media(media="print")

    assert page.evaluate("() => document.documentElement.scrollWidth") <= 700


def test_the_keyboard_reaches_the_content_the_pages_and_the_picker_in_this_order(visit):
    page = visit("/stations/seattle")

    found = reached(page, 7)

    assert found[0] == "Skip to the content"
    assert found[1:5] == ["Gatecast", "Forecast", "Playground", "API"]
    assert found[5:7] == ["station", "Show"]


def test_the_skip_link_is_seen_when_it_is_reached_and_leads_to_the_content(visit):
    page = visit("/stations/seattle")
    page.keyboard.press("Tab")

    assert page.locator(".skip").bounding_box()["y"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate(FOCUSED) == "content"


def test_the_picker_leads_to_another_station_without_scripts(visit, address):
    page = visit("/", java_script_enabled=False)
    page.get_by_label("Station").select_option("oslo")
    page.get_by_role("button", name="Show").click()

    assert page.url == f"{address}/stations/oslo"
    assert page.locator("#forecast-table tbody tr").count() == 24


def test_the_model_is_described_with_its_verdict_its_skill_and_its_history(visit):
    page = visit("/stations/seattle", java_script_enabled=False)

    facts = page.locator(".facts").inner_text()
    assert "1 of climate-seattle, champion" in facts
    assert "6 days" in facts
    assert "Promoted: mean MAE 1.300 against 1.500 of climatology." in facts
    first = page.locator("#skill-table tbody tr").first.inner_text().split()
    assert first == ["this", "model", "1.30", *(f"{1 + lead / 10:.2f}" for lead in range(7))]
    covered = page.locator(".covered").all_inner_texts()
    assert [each.split()[0].rstrip("%\N{NARROW NO-BREAK SPACE}") for each in covered] == [
        "81",
        "94",
    ]
    assert page.locator(".history .tag").all_inner_texts() == ["refused", "promoted"]


def test_a_station_without_a_model_says_so_and_still_shows_what_was_observed(visit):
    page = visit("/stations/bergen", java_script_enabled=False)

    assert page.locator(".notice").inner_text() == "No model has been promoted for it yet."
    assert page.locator("#fan-plain .observed").count() == 1
    assert page.locator("#fan-plain .median").count() == 0
    assert page.locator("#forecast-table").count() == 0


def test_an_unknown_station_is_a_page_that_names_the_request(visit):
    page = visit("/stations/nowhere", status=404)

    assert page.locator("h1").inner_text() == "Not found"
    assert page.locator("code").inner_text()


def test_what_the_checks_found_is_told_and_never_run(visit):
    page = visit("/stations/seattle/data")

    row = page.locator("#findings-table tbody tr").first.inner_text()
    assert "OUT_OF_BOUNDS" in row
    assert "<b>99</b>" in row
