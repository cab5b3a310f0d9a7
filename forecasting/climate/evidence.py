"""Hold everything that the gate looks at, and what can be read from it without a threshold."""

from dataclasses import dataclass, field

from forecasting.climate.backtest import Scores
from forecasting.climate.selftest import SelfTest
from forecasting.climate.significance import Comparison

#: The rivals that a forecast of any use beats; the skill horizon ends where it does not.
USEFUL_AGAINST = ("climatology", "damped_anomaly_persistence")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a version takes to serve: the graph's size, the median time of a single forecast."""

    megabytes: float
    milliseconds: float


@dataclass(frozen=True, kw_only=True)
class Duel:
    """A candidate and the champion at the origins that neither has seen.

    `newer_by_days` is how much later the candidate's last row is than the champion's.
    `stand_in` is the version that was asked in the champion's place: the one that was judged,
    where the champion was trained again on all rows.
    """

    champion: Scores
    candidate: Scores
    comparison: Comparison
    newer_by_days: int
    stand_in: int | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything the rule looks at; all scores on the same origins, which training never saw.

    `comparisons` are the candidate's with each rival, by the rival's name; `seasons` its scores
    by the season of the target. `duel` is None without a champion, and without enough rows that
    neither has seen.
    """

    candidate: Scores
    rivals: dict[str, Scores]
    comparisons: dict[str, Comparison]
    selftest: SelfTest
    cost: Cost
    seasons: dict[str, Scores] = field(default_factory=dict)
    champion_version: int | None = None
    duel: Duel | None = None

    @property
    def best_rival(self) -> tuple[str, Scores]:
        """The simple rival with the least mean error."""
        return min(self.rivals.items(), key=lambda rival: rival[1].mean_mae)

    @property
    def skill_horizon(self) -> int:
        """The last lead up to which the candidate errs less than each of `USEFUL_AGAINST`.

        Counted without a break from lead 1, by the mean absolute error; 0 where it does not even
        at lead 1, or where one of them was not asked.
        """
        rivals = [self.rivals.get(name) for name in USEFUL_AGAINST]
        for before, ours in enumerate(self.candidate.mae_by_lead):
            if any(rival is None or not ours < rival.mae_by_lead[before] for rival in rivals):
                return before
        return len(self.candidate.mae_by_lead)
