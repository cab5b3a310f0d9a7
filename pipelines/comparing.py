"""Say in words and numbers what changed from one version of a model to another."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from statistics import mean
from typing import Any

from mlflow import MlflowClient

from forecasting.errors import GatecastError
from forecasting.stores.registry.versions import Version
from pipelines.inputs import logged_inputs
from pipelines.provenance import flat
from pipelines.recording import logged_verdict

#: The parts of a comparison, in the order in which a reviewer reads them.
PARTS = ("data", "parameters", "environment", "skill", "seasons", "intervals", "cost", "verdict")

#: Tags that tell what a version was made of; older ones have no `environment.json`.
TAGGED = ("cell", "kind", "refit", "judged_version")

Numbers = tuple[Any, Any]


class ModelsDiffer(GatecastError):
    """Two versions of different models have no numbers in common."""

    code = "MODELS_DIFFER"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing of both versions; None where it is not recorded or there is no such thing."""

    part: str
    name: str
    before: object
    after: object

    @property
    def same(self) -> bool:
        """Whether it is the same in both."""
        return self.before == self.after

    @property
    def change(self) -> float | None:
        """The change of a number; None of anything else."""
        numbers = [
            each
            for each in (self.before, self.after)
            if isinstance(each, int | float) and not isinstance(each, bool)
        ]
        return numbers[1] - numbers[0] if len(numbers) == 2 else None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two versions of a model beside each other, row by row."""

    before: str
    after: str
    rows: tuple[Row, ...]

    def part(self, name: str) -> list[Row]:
        """Return the rows of a part."""
        return [row for row in self.rows if row.part == name]

    def row(self, part: str, name: str) -> Row | None:
        """Return one row; None where both versions lack it."""
        return next((row for row in self.part(part) if row.name == name), None)

    @property
    def sentence(self) -> str:
        """The change in a few words: data, parameters, error, and where it got worse."""
        said = [self._kept("data", "sha256", "data"), self._parameters(), self._errors()]
        return f"From {self.before} to {self.after}: {'; '.join(filter(None, said))}."

    def _kept(self, part: str, name: str, what: str) -> str:
        row = self.row(part, name)
        if row is None or row.before is None or row.after is None:
            return f"{what} not recorded"
        return f"the same {what}" if row.same else f"other {what}"

    def _parameters(self) -> str:
        changed = [row for row in self.part("parameters") if not row.same]
        named = ", ".join(f"{row.name} {row.before} to {row.after}" for row in changed)
        return f"changed {named}" if named else "the same parameters"

    def _errors(self) -> str:
        errors = [row for row in self.part("skill") if row.change is not None]
        if not errors:
            return "no numbers in common"
        first, leads = errors[0], [row for row in errors[1:] if row.name.startswith("MAE lead ")]
        worse = [row.name for row in leads if (row.change or 0) > 0]
        said = f"{first.name} {first.before:.4g} to {first.after:.4g}{self._apart}"
        if not leads:  # a language model has none
            return said
        return f"{said}; worse at {', '.join(worse) or 'no lead'}"

    @property
    def _apart(self) -> str:
        """Warn where the numbers of the two are not of the same rows."""
        origins, data = self.row("data", "origins"), self.row("data", "sha256")
        if origins is not None and not origins.same:
            return ", measured at other origins"
        other = data is not None and not data.same and None not in (data.before, data.after)
        return ", measured on other data" if other else ""

    def to_json(self) -> dict[str, Any]:
        """Return what `gatecast models diff V W --json` prints."""
        return {
            "versions": [self.before, self.after],
            "sentence": self.sentence,
            **{
                part: [
                    {**asdict(row), "same": row.same, "change": row.change}
                    for row in self.part(part)
                ]
                for part in PARTS
            },
        }


def compare(client: MlflowClient, before: Version, after: Version) -> Comparison:
    """Put two versions of one model beside each other.

    Raises:
        ModelsDiffer: they are of different stations, targets or corpora.
    """
    if before.model != after.model:
        raise ModelsDiffer(
            "two versions of different models have no numbers in common",
            expected=f"another version of {before.model}",
            found=after.name,
        )
    told = [told_of(client, version) for version in (before, after)]
    rows = [
        Row(part=part, name=name, before=told[0][part].get(name), after=told[1][part].get(name))
        for part in PARTS
        for name in told[0][part] | told[1][part]
    ]
    return Comparison(before=before.name, after=after.name, rows=tuple(rows))


def told_of(client: MlflowClient, version: Version) -> dict[str, dict[str, Any]]:
    """Return what is recorded of a version, by part and name."""
    inputs, verdict = logged_inputs(client, version), logged_verdict(client, version.run_id)
    evidence = (verdict or {}).get("evidence", {})
    candidate = evidence.get("candidate", {})
    return {
        "data": dict(_data(version, inputs, candidate)),
        "parameters": dict(_parameters(version, inputs)),
        "environment": flat(inputs["environment"]),
        "skill": dict(_skill(evidence, candidate, verdict)),
        "seasons": {
            name: scores["mean_mae"] for name, scores in evidence.get("seasons", {}).items()
        },
        "intervals": dict(_intervals(candidate)),
        "cost": dict(_cost(evidence)),
        "verdict": {
            "sentence": None if verdict is None else verdict["sentence"],
            "passed": None if verdict is None else verdict["promoted"],
            "review": version.tags.get("review"),
            "judged_against": version.tags.get("judged_against"),
            "aliases": ", ".join(version.aliases),
        },
    }


def _data(
    version: Version, inputs: Mapping[str, Any], candidate: Mapping[str, Any]
) -> Iterator[Numbers]:
    plan = inputs["plan"] or {}
    blocks = plan.get("blocks", {})
    yield "sha256", plan.get("data_sha256", version.tags.get("data_sha256"))
    yield "trained_through", version.tags.get("trained_through")
    yield "rows", blocks.get("gate")
    yield "train_rows", blocks.get("train")
    yield "origins", candidate.get("origins", candidate.get("characters"))


def _parameters(version: Version, inputs: Mapping[str, Any]) -> Iterator[Numbers]:
    plan, recipe = inputs["plan"] or {}, inputs["recipe"] or {}
    yield "preset", plan.get("preset", version.tags.get("preset"))
    yield "seed", str(plan.get("seed", version.tags.get("seed")))
    yield from ((name, version.tags.get(name)) for name in TAGGED)
    yield from plan.get("window", {}).items()
    yield from (
        (f"recipe.{name}", json.dumps(value) if isinstance(value, list | dict) else value)
        for name, value in recipe.items()
    )


def _skill(
    evidence: Mapping[str, Any], candidate: Mapping[str, Any], verdict: Mapping[str, Any] | None
) -> Iterator[Numbers]:
    """Yield errors and the skill over the best simple rival, in all and by lead."""
    if "bits_per_character" in candidate:
        yield "bits_per_character", candidate["bits_per_character"]
        return
    if "mean_mae" not in candidate:
        return
    yield "mean MAE", candidate["mean_mae"]
    yield from (
        (f"MAE lead {lead}", error) for lead, error in enumerate(candidate["mae_by_lead"], start=1)
    )
    name, best = min(evidence["rivals"].items(), key=lambda each: each[1]["mean_mae"])
    yield "best rival", name
    yield "skill", _skill_over(candidate["mean_mae"], best["mean_mae"])
    yield from (
        (f"skill at {lead}", _skill_over(error, rival))
        for lead, (error, rival) in enumerate(
            zip(candidate["mae_by_lead"], best["mae_by_lead"], strict=True), start=1
        )
    )
    yield "CRPS", candidate.get("crps")
    yield "skill_horizon", None if verdict is None else verdict.get("skill_horizon")


def _skill_over(error: float | None, rival: float | None) -> float | None:
    return None if error is None or not rival else 1 - error / rival


def _intervals(candidate: Mapping[str, Any]) -> Iterator[Numbers]:
    for name, values in candidate.items():
        if name.startswith(("coverage", "width")) and values is not None:
            known = [value for value in values if value is not None]
            yield name.removesuffix("_by_lead"), mean(known) if known else None


def _cost(evidence: Mapping[str, Any]) -> Iterator[Numbers]:
    costs = evidence.get("cost", evidence)
    yield "megabytes", costs.get("megabytes")
    yield "milliseconds", costs.get("milliseconds")
