"""Write the verdict as one self-contained page: no script, no network, light and dark."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from data_checks.declaration import Dataset
from data_checks.sketch import HEIGHT, LEFT, RIGHT, WIDTH, Sketch
from data_checks.verdict import Admission
from forecasting.stores.files import write_bytes

TEMPLATE = "report.html.jinja"

#: A page with more rows than this helps nobody; the JSON holds them all.
MOST_ROWS = 400


def write_report(admission: Admission, dataset: Dataset, sketches: Sequence[Sketch]) -> Path:
    """Write the page of an admission to its report's path, by rename; returns the path.

    Args:
        admission: verdict, counts, findings and expectations.
        dataset: what was declared, for the page's head.
        sketches: what to draw, one for each variable of the series.
    """
    page = _template().render(
        admission=admission,
        dataset=dataset,
        drawings=[sketch.drawing() for sketch in sketches],
        codes=Counter(reason.code for reason in admission.reasons),
        period=_period(sketches),
        most_rows=MOST_ROWS,
        passed=sum(result.success for result in admission.expectations),
        box={"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT},
    )
    write_bytes(admission.report, page.encode())
    return admission.report


@cache
def _template() -> Template:
    """Read the page's form once in a process: to compile it takes longer than to fill it."""
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return pages.get_template(TEMPLATE)


def _period(sketches: Sequence[Sketch]) -> str:
    if not sketches:
        return "no readable days"
    first = sketches[0]
    last = first.start + (len(first.kept) - 1) * first.step
    return f"{first.start.date()} to {last.date()}"
