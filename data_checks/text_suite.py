"""Run the text suite: what was measured of a text, one row, against its corpus' limits."""

import pandas as pd
from great_expectations.expectations.core.expect_column_values_to_be_between import (
    ExpectColumnValuesToBeBetween,
)
from great_expectations.expectations.core.expect_column_values_to_not_be_in_set import (
    ExpectColumnValuesToNotBeInSet,
)
from great_expectations.expectations.core.expect_column_values_to_not_be_null import (
    ExpectColumnValuesToNotBeNull,
)
from great_expectations.expectations.core.expect_table_row_count_to_equal import (
    ExpectTableRowCountToEqual,
)
from great_expectations.expectations.expectation import Expectation

from data_checks.corpora import NO_LICENCE, TextCorpus
from data_checks.suite import run_suite
from data_checks.text_facts import TextFacts
from data_checks.verdict import ExpectationResult


def text_suite(corpus: TextCorpus) -> tuple[Expectation, ...]:
    """Build the expectations of a text; a fact that is missing meets none of them."""
    limits = corpus.limits
    bounds: dict[str, tuple[float | None, float | None]] = {
        "characters": (limits.min_characters, limits.max_characters),
        "prepared": (limits.min_characters, limits.max_characters),
        "letters": (limits.min_letters, None),
        "controls": (None, 0),
        "prose": (limits.min_prose, None),
        "repeats": (None, limits.max_repeats),
    }
    suite: list[Expectation] = [ExpectTableRowCountToEqual(value=1)]
    for column, (least, most) in bounds.items():
        # An expectation of a range passes what is missing: that it is there is asked as well.
        suite += [
            ExpectColumnValuesToNotBeNull(column=column, mostly=1),
            ExpectColumnValuesToBeBetween(column=column, min_value=least, max_value=most, mostly=1),
        ]
    suite += [
        ExpectColumnValuesToNotBeNull(column="licence", mostly=1),
        ExpectColumnValuesToNotBeInSet(column="licence", value_set=["", NO_LICENCE], mostly=1),
    ]
    return tuple(suite)


def check_text(corpus: TextCorpus, facts: TextFacts) -> tuple[ExpectationResult, ...]:
    """Run the suite on the facts; one that raises counts as failed."""
    frame = pd.DataFrame([vars(facts)])
    results = run_suite(text_suite(corpus), frame)
    return tuple(_told(result, vars(facts)) for result in results)


def _told(result: ExpectationResult, facts: dict[str, object]) -> ExpectationResult:
    """Say the fact itself in place of the library's count of unexpected rows."""
    if result.variable is None or result.observed.startswith("raised"):
        return result
    return ExpectationResult(
        name=result.name,
        variable=result.variable,
        success=result.success,
        expected=result.expected.replace(", mostly 1", "").replace("mostly 1", "a value"),
        observed=str(facts[result.variable]),
    )
