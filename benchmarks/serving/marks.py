"""Say for each row of what was asked whether it is met."""

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Mark:
    """What is asked of one figure: at least, or at most, so much."""

    figure: str
    least: float | None = None
    most: float | None = None

    def judge(self, found: float | None) -> dict[str, Any]:
        """Return what is asked, what was found, and whether it is met; None where not measured."""
        asked = {"at_least": self.least} if self.most is None else {"at_most": self.most}
        return {**asked, "found": found, "met": None if found is None else self._met(found)}

    def _met(self, found: float) -> bool:
        above = self.least is None or found >= self.least
        return above and (self.most is None or found <= self.most)


#: In the order of the report.
MARKS: Final = (
    Mark("get_ratio", least=0.85),
    Mark("get_ratio_bare", least=0.45),
    Mark("post_ratio", least=4.0),
    Mark("post_ratio_single", least=6.0),
    Mark("post_p99_ms", most=15.0),
    Mark("rss_mb", most=160.0),
    Mark("rss_ratio", most=0.3),
    Mark("start_seconds", most=2.5),
    Mark("swap_failures", most=0),
    Mark("overload_p99_ms", most=250.0),
    Mark("health_p99_ms", most=100.0),
)


def judged(figures: dict[str, float | None]) -> dict[str, dict[str, Any]]:
    """Judge every figure; one that was not measured is None and neither met nor missed."""
    return {mark.figure: mark.judge(figures.get(mark.figure)) for mark in MARKS}
