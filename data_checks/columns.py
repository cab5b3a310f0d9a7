"""Declare a column of a file: which variable it holds, in which unit, and what is possible."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from data_checks.defaults import Plausible, plausible
from data_checks.origins import Strict
from data_checks.units import UNITS, Unit

VariableName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Heading = Annotated[str, Field(min_length=1, max_length=200)]
Share = Annotated[float, Field(ge=0, le=1)]


class Column(Strict):
    """One column of the file. Bounds and the jump are given in the file's own unit.

    What is left out is taken from what is plausible for the variable (`defaults`).
    """

    variable: VariableName
    unit: str
    lower: float | None = None
    upper: float | None = None
    max_jump: Annotated[float | None, Field(gt=0)] = None
    stuck_days: Annotated[int | None, Field(ge=2)] = None
    stuck_except: tuple[float, ...] | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.unit not in UNITS:
            raise ValueError(f"a unit among {', '.join(UNITS)}")
        known = plausible(self.variable)
        if known is None and (self.lower is None or self.upper is None):
            raise ValueError(f"lower and upper, because {self.variable} has no known range")
        if known is not None and UNITS[self.unit].internal != known.unit:
            raise ValueError(f"a unit of {self.variable}, which is kept in {known.unit}")
        if not self.bounds[0] < self.bounds[1]:
            raise ValueError(f"lower < upper, not {self.bounds[0]:g} and {self.bounds[1]:g}")
        return self

    @property
    def measure(self) -> Unit:
        """The file's unit."""
        return UNITS[self.unit]

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest possible value, in the file's unit."""
        known = plausible(self.variable) or Plausible(unit="", lower=0, upper=0)
        lower = self.measure.outward(known.lower) if self.lower is None else self.lower
        upper = self.measure.outward(known.upper) if self.upper is None else self.upper
        return lower, upper

    @property
    def jump(self) -> float | None:
        """The most that may change in one step, in the file's unit."""
        limit = self.rule.max_jump
        return None if limit is None else self.measure.outward_step(limit)

    @property
    def rule(self) -> Plausible:
        """What is possible, in the internal unit."""
        known = plausible(self.variable) or Plausible(unit="", lower=0, upper=0)
        jump, excepted = self.max_jump, self.stuck_except
        return Plausible(
            unit=self.measure.internal,
            lower=self.measure.bound(self.bounds[0]),
            upper=self.measure.bound(self.bounds[1]),
            max_jump=known.max_jump if jump is None else self.measure.inward_step(jump),
            stuck_days=known.stuck_days if self.stuck_days is None else self.stuck_days,
            stuck_except=known.stuck_except
            if excepted is None
            else tuple(self.measure.bound(value) for value in excepted),
        )


class Derived(Strict):
    """A variable that no column holds: the mean of others, a gap where one of them is a gap."""

    mean_of: Annotated[tuple[VariableName, ...], Field(min_length=2)]


class Limits(Strict):
    """How much of one variable may be quarantined, or missing, before the batch is refused."""

    max_quarantined: Share = 0.05
    max_missing: Share = 0.2
