import re
from html.parser import HTMLParser

import pytest


class Page(HTMLParser):
    """Collect tags, attributes and text, and see that what opens also closes."""

    VOID = frozenset({"meta", "link", "br"})

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def page(check, declare, days):
    def build(rows=None, **options):
        admission = check(declare(**options), days(40) if rows is None else rows)
        return Page(admission.report.read_text()), admission.report.read_text()

    return build


def test_the_page_shows_verdict_counts_findings_and_expectations(page, days):
    parsed, _ = page(days(40, changes={(9, 1): "-9999"}))
    text = " ".join(" ".join(parsed.text).split())
    assert "Accepted" in text
    assert "2024-01-10 temperature_2m_mean OUT_OF_BOUNDS -9999 °C -90 to 60 °C" in text
    assert "column dates one step apart" in text
    assert parsed.open == []


def test_the_page_marks_every_quarantined_value(page, days):
    changes = {(9, 1): "-9999", (19, 1): "55"}
    parsed, _ = page(days(40, changes=changes))
    marks = [mark for mark in parsed.of("path") if "translate" in mark.get("transform", "")]
    assert [mark["class"] for mark in marks] == ["beyond", "beyond"]
    assert "2024-01-10: -9999 °C, quarantined" in parsed.text
    assert len(parsed.of("figure")) == 2


def test_a_refused_batch_has_a_page_that_says_why(page, days):
    parsed, _ = page(days(3))
    assert any("Refused" in text for text in parsed.text)
    assert any("EXPECTATION_FAILED" in text for text in parsed.text)


def test_the_page_needs_neither_network_nor_script(page):
    parsed, text = page()
    assert parsed.of("script") == []
    assert re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?!data:)[a-z/]", text) == []
    policy = next(m["content"] for m in parsed.of("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'")


def test_foreign_text_is_never_markup(page, days):
    parsed, text = page(
        days(40, changes={(9, 1): "<script>alert(1)</script>"}),
        extra='title = "<img src=x onerror=alert(1)>"',
    )
    assert "<script>" not in text
    assert parsed.of("img") == []


def test_plots_and_tables_have_names_for_those_who_do_not_see(page):
    parsed, _ = page()
    drawn = [svg for svg in parsed.of("svg") if svg.get("role") == "img"]
    assert len(drawn) == 2
    assert "temperature_2m_mean in °C" in drawn[0]["aria-label"]
    assert all("scope" in head for head in parsed.of("th"))
    assert parsed.of("html") == [{"lang": "en"}]


def test_the_same_batch_writes_the_same_page(page):
    assert page()[1] == page()[1]


def test_a_page_with_very_many_findings_says_how_many_it_leaves_out(page, days):
    rows = days(40) + [["soon", "1", "2"]] * 500
    parsed, _ = page(rows)
    assert any("The first 400 are shown" in text for text in parsed.text)
    assert len(parsed.of("tr")) < 440
