"""Run the climate suite in an ephemeral Great Expectations context: the last look before training.

Importing this module takes seconds, so the gate imports it when a batch has come.
"""

from collections.abc import Mapping
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.core import ExpectationValidationResult
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.core.expect_column_values_to_be_between import (
    ExpectColumnValuesToBeBetween,
)
from great_expectations.expectations.core.expect_column_values_to_be_increasing import (
    ExpectColumnValuesToBeIncreasing,
)
from great_expectations.expectations.core.expect_column_values_to_be_of_type import (
    ExpectColumnValuesToBeOfType,
)
from great_expectations.expectations.core.expect_column_values_to_be_unique import (
    ExpectColumnValuesToBeUnique,
)
from great_expectations.expectations.core.expect_column_values_to_not_be_null import (
    ExpectColumnValuesToNotBeNull,
)
from great_expectations.expectations.core.expect_table_columns_to_match_ordered_list import (
    ExpectTableColumnsToMatchOrderedList,
)
from great_expectations.expectations.core.expect_table_row_count_to_be_between import (
    ExpectTableRowCountToBeBetween,
)
from great_expectations.expectations.expectation import ColumnAggregateExpectation, Expectation
from great_expectations.expectations.metrics.column_aggregate_metric_provider import (
    ColumnAggregateMetricProvider,
    column_aggregate_value,
)

from data_checks.declaration import Dataset
from data_checks.signals import jumps, stuck
from data_checks.verdict import ExpectationResult

DATE = "date"


class ColumnStepsOff(ColumnAggregateMetricProvider):
    """How many labels do not follow the one before by exactly one step."""

    metric_name = "column.gatecast.steps_off"
    value_keys = ("step_seconds",)

    @column_aggregate_value(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, step_seconds: float, **_: object) -> int:  # noqa: N805 - the library passes the class
        return int((column.diff().iloc[1:].dt.total_seconds() != step_seconds).sum())


class ColumnJumps(ColumnAggregateMetricProvider):
    """How many values lie too far from the last known one."""

    metric_name = "column.gatecast.jumps"
    value_keys = ("most",)

    @column_aggregate_value(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, most: float, **_: object) -> int:  # noqa: N805 - the library passes the class
        return int(jumps(column.to_numpy(), most).size)


class ColumnStuck(ColumnAggregateMetricProvider):
    """How many values stand still for too long."""

    metric_name = "column.gatecast.stuck"
    value_keys = ("steps", "excepted")

    @column_aggregate_value(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, steps: int, excepted: list[float], **_: object) -> int:  # noqa: N805 - the library passes the class
        return int(stuck(column.to_numpy(), steps, tuple(excepted)).size)


class NothingCounted(ColumnAggregateExpectation):
    """An expectation that holds when its one metric counts nothing."""

    args_keys = ("column",)

    def _validate(self, metrics: dict[str, Any], *_: object, **__: object) -> dict[str, Any]:
        (count,) = (metrics[name] for name in self.metric_dependencies)
        return {"success": count == 0, "result": {"observed_value": count}}


class ExpectColumnDatesOneStepApart(NothingCounted):
    """Expect every label to follow the one before by exactly one step: none is missing."""

    step_seconds: float
    metric_dependencies = ("column.gatecast.steps_off",)
    success_keys = ("step_seconds",)


class ExpectColumnNotToJump(NothingCounted):
    """Expect no change larger than the declared one; another level means another station."""

    most: float
    metric_dependencies = ("column.gatecast.jumps",)
    success_keys = ("most",)


class ExpectColumnNotToBeStuck(NothingCounted):
    """Expect no value to stand still for the declared number of steps."""

    steps: int
    excepted: list[float]
    metric_dependencies = ("column.gatecast.stuck",)
    success_keys = ("steps", "excepted")


def climate_suite(dataset: Dataset) -> tuple[Expectation, ...]:
    """Build the expectations of a dataset from its declaration."""
    names = [variable.name for variable in dataset.variables]
    suite: list[Expectation] = [
        ExpectTableColumnsToMatchOrderedList(column_list=[DATE, *names]),
        ExpectTableRowCountToBeBetween(min_value=dataset.history + dataset.horizon),
        ExpectColumnValuesToBeOfType(column=DATE, type_="datetime64[us]"),
        ExpectColumnValuesToNotBeNull(column=DATE),
        ExpectColumnValuesToBeIncreasing(column=DATE, strictly=True, mostly=1),
        ExpectColumnValuesToBeUnique(column=DATE, mostly=1),
        ExpectColumnDatesOneStepApart(
            column=DATE, step_seconds=dataset.step_length.total_seconds()
        ),
    ]
    for name in names:
        suite += _variable_suite(dataset, name)
    return tuple(suite)


def _variable_suite(dataset: Dataset, name: str) -> list[Expectation]:
    rule = dataset.rules[name]
    suite: list[Expectation] = [
        ExpectColumnValuesToBeOfType(column=name, type_="float64"),
        ExpectColumnValuesToNotBeNull(column=name, mostly=1 - dataset.limits.max_missing),
        ExpectColumnValuesToBeBetween(
            column=name, min_value=rule.lower, max_value=rule.upper, mostly=1
        ),
    ]
    if rule.max_jump is not None:
        suite.append(ExpectColumnNotToJump(column=name, most=rule.max_jump))
    if rule.stuck_days is not None:
        suite.append(
            ExpectColumnNotToBeStuck(
                column=name,
                steps=dataset.steps_of(rule.stuck_days),
                excepted=list(rule.stuck_except),
            )
        )
    return suite


def run_suite(suite: tuple[Expectation, ...], frame: pd.DataFrame) -> tuple[ExpectationResult, ...]:
    """Run expectations on a frame; one that raises counts as failed, never as skipped.

    Args:
        suite: what to expect, as `climate_suite` builds it.
        frame: a `date` column and one column per variable, in internal units, NaN for gaps.
    """
    context = gx.get_context(mode="ephemeral", project_config=_quiet())
    asset = context.data_sources.add_pandas("memory").add_dataframe_asset("climate")
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
    # One at a time: results come back in another order than the expectations went in.
    return tuple(_result(expectation, batch.validate(expectation)) for expectation in suite)


def _quiet() -> DataContextConfig:
    """Keep everything in memory: no progress bars, no reports to anybody, no docs on disk."""
    return DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )


def _result(expectation: Expectation, result: ExpectationValidationResult) -> ExpectationResult:
    given = dict(expectation.configuration.kwargs)
    variable = given.pop("column", None)
    raised = _raised(result.exception_info or {})
    return ExpectationResult(
        name=expectation.expectation_type,
        variable=None if variable == DATE else variable,
        success=bool(result.success) and raised is None,
        expected=", ".join(f"{key} {_shown(value)}" for key, value in given.items()),
        observed=raised or _observed(result.result),
    )


def _raised(info: Mapping[str, Any]) -> str | None:
    """Return the first exception's message; the library nests it by metric, or does not."""
    nested = [info, *(part for part in info.values() if isinstance(part, Mapping))]
    messages = [part["exception_message"] for part in nested if part.get("raised_exception")]
    return f"raised: {messages[0]}"[:300] if messages else None


def _observed(result: Mapping[str, Any]) -> str:
    if "observed_value" in result:
        return _shown(result["observed_value"])
    unexpected, elements = result.get("unexpected_count"), result.get("element_count")
    return f"{unexpected} of {elements} not as expected"


def _shown(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text[:300]
