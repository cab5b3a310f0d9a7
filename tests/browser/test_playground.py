"""The playground writes: in pieces where scripts run, as a whole page where they do not."""

import pytest

pytestmark = pytest.mark.system

#: Notes how long the text is at each change of it.
WATCH = """() => {
  window.lengths = [];
  new MutationObserver(() => {
    const written = document.getElementById("written");
    if (written) window.lengths.push(written.textContent.length);
  }).observe(document.getElementById("text"), { childList: true, subtree: true });
}"""


def test_a_text_appears_piece_by_piece_and_ends_with_who_wrote_it(visit):
    page = visit("/playground")
    page.evaluate(WATCH)
    page.get_by_label("Beginning").fill("the time ")
    page.get_by_label("Characters to write").fill("320")
    with page.expect_response("**/v1/text") as answered:
        page.get_by_role("button", name="Write on").click()
    page.locator("#status", has_text="320 characters by version 1 of language-wells.").wait_for()

    assert answered.value.headers["content-type"].startswith("text/event-stream")
    assert len(page.locator("#written").text_content()) == 320
    lengths = page.evaluate("() => window.lengths")
    assert lengths == sorted(lengths)
    assert len(set(lengths)) > 2
    assert page.locator("#text").get_attribute("aria-live") == "polite"
    assert page.locator("#text").get_attribute("aria-busy") == "false"


def test_a_text_can_be_stopped_and_another_one_begun(visit):
    page = visit("/playground")
    page.get_by_label("Characters to write").fill("10000")
    page.get_by_role("button", name="Write on").click()
    page.locator("#written", has_text="e").wait_for()
    page.get_by_role("button", name="Stop").click()
    page.locator("#status", has_text="Stopped after").wait_for()

    assert 0 < len(page.locator("#written").text_content()) < 10_000
    assert page.get_by_role("button", name="Stop").count() == 0
    page.get_by_label("Characters to write").fill("32")
    page.get_by_role("button", name="Write on").click()
    page.locator("#status", has_text="32 characters").wait_for()


def test_the_keyboard_alone_is_enough_to_let_it_write(visit):
    page = visit("/playground")
    page.get_by_label("Text that the model was trained on").focus()
    for _ in range(4):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    page.locator("#status", has_text="200 characters").wait_for()


def test_without_scripts_the_form_comes_back_with_the_text(visit):
    page = visit("/playground", java_script_enabled=False)
    page.get_by_label("Beginning").fill("the time ")
    page.get_by_label("Characters to write").fill("40")
    page.get_by_role("button", name="Write on").click()
    page.locator("#written").wait_for()

    assert len(page.locator("#written").text_content()) == 40
    assert page.locator(".given").text_content() == "the time "
    assert page.get_by_label("Beginning").input_value() == "the time "
    assert "40 characters by version 1" in page.locator("#status").inner_text()
