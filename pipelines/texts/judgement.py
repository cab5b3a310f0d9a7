"""Keep a language model's judgement in its run's folder, so that steps pass paths only."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from forecasting.language.gate import Check, Duel, Evidence, Limits, Verdict
from forecasting.language.recipe import COMPARED
from forecasting.language.scoring import TextScore
from forecasting.language.selftest import SelfTest
from forecasting.language.significance import Comparison
from forecasting.stores.files import write_json
from pipelines.texts.workspace import CELL

JUDGEMENT = "judgement.json"


@dataclass(frozen=True, kw_only=True)
class TextJudgement:
    """A judged model, with all that its report tells.

    `parts` are the model's scores of training, validation and test text; `ngrams` those of the
    validation text by order; `networks` what each training told, by its name. `contexts` and
    `shares` are of the n-gram that is mixed in, `networks_alone` is the score without it.
    """

    verdict: Verdict
    champion: int | None
    parts: dict[str, TextScore]
    ngrams: dict[str, TextScore]
    networks: dict[str, dict[str, Any]]
    parameters: int
    contexts: int
    shares: tuple[float, ...]
    networks_alone: TextScore
    state: int
    sample: str

    @property
    def members(self) -> dict[str, dict[str, Any]]:
        """What the model's own networks told."""
        return {name: told for name, told in self.networks.items() if not name.startswith(CELL)}

    @property
    def contest(self) -> dict[str, dict[str, Any]]:
        """What the cells' contest told, by cell."""
        return {cell: self.networks[f"{CELL}{cell}"] for cell in COMPARED}

    @property
    def characters_per_second(self) -> float:
        """How fast the members were trained, in the mean, each on one thread."""
        speeds = [float(told["characters_per_second"]) for told in self.members.values()]
        return sum(speeds) / len(speeds)


def write_judgement(folder: Path, judgement: TextJudgement) -> None:
    """Write a judgement; what JSON cannot say stands as a word."""
    write_json(folder / JUDGEMENT, worded(asdict(judgement)))


def worded(content: Any) -> Any:  # noqa: ANN401 - JSON of any depth
    """Replace numbers that JSON has not by their words, which `float` reads back.

    >>> worded({"perplexity": math.inf, "difference": [math.nan]})
    {'perplexity': 'Infinity', 'difference': ['NaN']}
    """
    if isinstance(content, dict):
        return {name: worded(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [worded(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return json.dumps(content)
    return content


def read_judgement(folder: Path) -> TextJudgement:
    """Read the judgement of a run's folder."""
    content = json.loads((folder / JUDGEMENT).read_bytes())
    return TextJudgement(
        **{
            **content,
            "verdict": _verdict(content["verdict"]),
            "parts": _scores(content["parts"]),
            "ngrams": _scores(content["ngrams"]),
            "shares": tuple(content["shares"]),
            "networks_alone": _score(content["networks_alone"]),
        }
    )


def _verdict(content: dict[str, Any]) -> Verdict:
    evidence = content["evidence"]
    duel = evidence["duel"]
    return Verdict(
        promoted=content["promoted"],
        sentence=content["sentence"],
        checks=tuple(Check(**check) for check in content["checks"]),
        limits=Limits(**content["limits"]),
        evidence=Evidence(
            **{
                **evidence,
                "candidate": _score(evidence["candidate"]),
                "rivals": _scores(evidence["rivals"]),
                "against_ngram": _comparison(evidence["against_ngram"]),
                "duel": None
                if duel is None
                else Duel(
                    version=duel["version"],
                    score=_score(duel["score"]),
                    comparison=_comparison(duel["comparison"]),
                ),
                "selftest": _selftest(evidence["selftest"]),
            }
        ),
    )


def _selftest(content: dict[str, Any]) -> SelfTest:
    numbers: dict[str, Any] = {
        name: value if isinstance(value, bool) else float(value) for name, value in content.items()
    }
    return SelfTest(**numbers)


def _score(content: dict[str, Any]) -> TextScore:
    return TextScore(
        characters=content["characters"], cross_entropy=float(content["cross_entropy"])
    )


def _scores(content: dict[str, Any]) -> dict[str, TextScore]:
    return {name: _score(score) for name, score in content.items()}


def _comparison(content: dict[str, Any]) -> Comparison:
    numbers = {name: float(content[name]) for name in ("difference", "low", "high", "p_better")}
    return Comparison(**{**content, **numbers})
