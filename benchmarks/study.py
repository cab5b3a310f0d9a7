"""Search settings at held-out origins of the train rows, resumably and the same for a seed."""

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState, create_trial

from benchmarks.held_out import Losses, held_out_loss, noise, relative
from benchmarks.protocol import Protocol
from benchmarks.space import SPACE, Setting
from forecasting.climate.recipe import RECIPES, SEED, Recipe
from forecasting.errors import Diverged, GatecastError
from forecasting.training.machine import one_thread

NAME = "settings"

#: Trials before the sampler models what it has seen, and before a trial may be cut short.
STARTING = 5

#: States in which a trial has said something.
SAID = (TrialState.COMPLETE, TrialState.PRUNED)


class StudyMismatch(GatecastError):
    """The storage holds a study of other rows, another recipe or other seeds."""

    code = "STUDY_MISMATCH"


@dataclass(frozen=True, kw_only=True)
class Search:
    """The stations' train rows, the recipe to better, the sampler's seed, and the storage.

    A setting's value is its held-out loss in units of the default's, which is averaged over
    `seeds`, and averaged over the stations. Trials are fitted with the first of the seeds; the
    others, two or more, are kept for the confirmation of the best.
    """

    protocols: Sequence[Protocol]
    storage: Path
    seed: int = 0
    seeds: tuple[int, ...] = (SEED, SEED + 1, SEED + 2)
    base: Recipe = RECIPES["default"]

    def run(
        self, seconds: float, watch: Callable[[str], None], trials: int | None = None
    ) -> dict[str, Any]:
        """Try settings until the time is up or as many were tried; returns the whole study.

        The sampler is seeded anew for each trial, with the number of those that said something
        before it: a study that was cut off goes on as a whole one would have.

        Raises:
            StudyMismatch: the storage holds another study.
        """
        one_thread()
        study = self._open()
        watch("the default at each seed")
        default = self._default_losses(study)
        began, tried = time.perf_counter(), 0
        while time.perf_counter() - began < seconds and (trials is None or tried < trials):
            tried += 1
            watch(f"setting {len(study.get_trials(deepcopy=False, states=SAID))}")
            self._try(study, default)
        watch("the best at the other seeds")
        return {
            **self._identity(),
            "default": {"values": dict(Setting.default(self.base).values), "losses": default},
            "noise": noise(default),
            "trials": [_told(trial) for trial in _ranked(study)],
            "importance": _importance(study),
            "confirmation": self._confirm(study, default),
        }

    def _identity(self) -> dict[str, Any]:
        """Return what the numbers depend on beside the code, as it comes back from JSON."""
        rows = {
            each.dataset: [each.train, each.series.rows(0, each.train).sha256]
            for each in self.protocols
        }
        content = {"rows": rows, "recipe": asdict(self.base), "seed": self.seed}
        told: dict[str, Any] = json.loads(json.dumps(content | {"seeds": self.seeds}))
        return told

    def _open(self) -> optuna.Study:
        """Open the study, or make it; a trial that a killed process left open has failed."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(
            storage=f"sqlite:///{self.storage}",
            study_name=NAME,
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTING),
        )
        asked = self._identity()
        found = study.user_attrs.get("identity", asked)
        if found != asked:
            raise StudyMismatch(
                f"{self.storage} holds another study",
                expected=str(asked)[:300],
                found=str(found)[:300],
            )
        study.set_user_attr("identity", asked)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            study.tell(trial.number, state=TrialState.FAIL)
        return study

    def _default_losses(self, study: optuna.Study) -> Losses:
        """Return the default's losses at each seed; they are measured once, as the first trial."""
        known: Losses | None = study.user_attrs.get("default")
        if known is not None:
            return known
        setting = Setting.default(self.base)
        losses = {
            each.dataset: [held_out_loss(each, setting, seed) for seed in self.seeds]
            for each in self.protocols
        }
        steps = [
            relative({name: losses[name] for name in list(losses)[: place + 1]}, losses)[0]
            for place in range(len(losses))
        ]
        study.set_user_attr("default", losses)
        study.add_trial(
            create_trial(
                params=dict(setting.values),
                distributions=SPACE,
                value=steps[-1],
                intermediate_values=dict(enumerate(steps)),
                user_attrs={"losses": {name: each[:1] for name, each in losses.items()}},
            )
        )
        return losses

    def _try(self, study: optuna.Study, default: Losses) -> None:
        """Fit the next setting station by station; one behind the median is cut short."""
        said = len(study.get_trials(deepcopy=False, states=SAID))
        study.sampler = optuna.samplers.TPESampler(seed=self.seed + said, n_startup_trials=STARTING)
        trial = study.ask(SPACE)
        setting = Setting(values=trial.params, base=self.base)
        losses: dict[str, list[float]] = {}
        for place, protocol in enumerate(self.protocols):
            try:
                loss = held_out_loss(protocol, setting, self.seeds[0])
            except Diverged:
                loss = math.inf
            losses[protocol.dataset] = [loss]
            trial.set_user_attr("losses", losses)
            value = relative(losses, default)[0]
            trial.report(value, place)
            last = place == len(self.protocols) - 1
            if not last and (trial.should_prune() or math.isinf(value)):
                study.tell(trial, state=TrialState.PRUNED)
                return
        study.tell(trial, value)

    def _confirm(self, study: optuna.Study, default: Losses) -> dict[str, Any]:
        """Fit the best setting with the seeds that did not choose it, and compare there.

        The gain counts as found when it is larger than two standard errors of a difference
        between two means over so many seeds.
        """
        fresh = self.seeds[1:]
        best = _ranked(study)[0]
        setting = Setting(values=best.params, base=self.base)
        losses = {
            each.dataset: [held_out_loss(each, setting, seed) for seed in fresh]
            for each in self.protocols
        }
        ours = relative(losses, default)
        theirs = relative({name: each[1:] for name, each in default.items()}, default)
        gain = (sum(theirs) - sum(ours)) / len(fresh)
        error = noise(default) * math.sqrt(2 / len(fresh))
        return {
            "number": best.number,
            "seeds": list(fresh),
            "losses": losses,
            "relative": ours,
            "default_relative": theirs,
            "gain": gain,
            "needed": 2 * error,
            "found": gain > 2 * error,
        }


def _ranked(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that said something: the whole ones first, the best of each first."""
    trials = study.get_trials(deepcopy=False, states=SAID)
    return sorted(
        trials, key=lambda trial: (trial.state == TrialState.PRUNED, trial.value or math.inf)
    )


def _told(trial: FrozenTrial) -> dict[str, Any]:
    """Return a trial as JSON; None where its loss is not finite."""
    losses: Losses = trial.user_attrs["losses"]
    return {
        "number": trial.number,
        "whole": trial.state == TrialState.COMPLETE,
        "relative": _finite(trial.value),
        "losses": {name: _finite(each[0]) for name, each in losses.items()},
        "values": trial.params,
        "seconds": None if trial.duration is None else round(trial.duration.total_seconds(), 1),
    }


def _finite(number: float | None) -> float | None:
    return None if number is None or not math.isfinite(number) else number


def _importance(study: optuna.Study) -> dict[str, float]:
    """Return each parameter's share in what sets the better half of the whole trials apart.

    Source: Watanabe, Bansal and Hutter (2023), PED-ANOVA.
    """
    whole = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(whole) < STARTING:
        return {}
    evaluator = PedAnovaImportanceEvaluator(target_quantile=0.5)
    return get_param_importances(study, evaluator=evaluator)
