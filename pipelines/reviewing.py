"""Let a person approve or reject what the gate proposed, under the lock, and say so everywhere."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from forecasting.errors import GatecastError
from forecasting.settings import Settings
from forecasting.stores.decisions import DecisionEntry, append_decision
from forecasting.stores.published import Pointer, read_card
from forecasting.stores.registry.aliases import CHAMPION, Move, alias_of, promote, promotion_lock
from forecasting.stores.registry.descriptions import storable
from forecasting.stores.registry.proposals import withdraw_challenger
from forecasting.stores.registry.versions import Version, resolve, store_errors
from pipelines import tracking
from pipelines.outcomes import (
    AGAINST,
    NOBODY,
    REVIEW,
    require_not_rejected,
    set_version_tags,
    token_of,
    without_wait,
)
from pipelines.recording import logged_verdict
from pipelines.reviewers import in_markdown
from pipelines.soundness import require_own_model, smoke_test
from pipelines.texts.promotion import smoke_test as smoke_test_text

APPROVED = "approved"

#: What a rollback makes of the champion, and of the one before it.
ROLLED_BACK, RESTORED = "rolled_back", "restored"

#: After these the version is champion.
PROMOTING = (APPROVED, RESTORED)

#: Where a run keeps what a reviewer said of its version.
REVIEWS = "review"

#: What stands above the reviews in a version's description.
HEADING = "# Review\n\n"


class GateRefused(GatecastError):
    """The gate has refused the version; nobody's word stands above it."""

    code = "GATE_REFUSED"


class VerdictMissing(GatecastError):
    """The gate has never judged the version."""

    code = "VERDICT_MISSING"


class IsChampion(GatecastError):
    """The version is champion already; it leaves by a rollback only."""

    code = "IS_CHAMPION"


@dataclass(frozen=True, kw_only=True)
class Review:
    """What a person said of a version: `state` is one of the words above, `time` in UTC."""

    state: str
    who: str
    why: str
    time: str

    @classmethod
    def now(cls, state: str, who: str, why: str) -> "Review":
        """Return a review of this moment."""
        return cls(
            state=state, who=who, why=why, time=datetime.now(UTC).isoformat(timespec="seconds")
        )

    @property
    def sentence(self) -> str:
        """What was done, by whom, and why where that was said."""
        done = self.state.capitalize().replace("_", " ")
        return f"{done} by {self.who}" + (f": {self.why}" if self.why else "")

    @property
    def tags(self) -> dict[str, str]:
        """The review as tags of the version and of its run."""
        return {
            REVIEW: self.state,
            "proposed": "false",
            "promoted": str(self.state in PROMOTING).lower(),
            f"{self.state}_by": self.who,
            f"{self.state}_at": self.time,
            f"{self.state}_why": self.why,
        }


def approve(settings: Settings, client: MlflowClient, version: Version, review: Review) -> Pointer:
    """Promote a version that the gate let through, with the checks of every promotion.

    Args:
        settings: where things are kept.
        client: the open store.
        version: what is approved.
        review: by whom and why.

    Raises:
        IsChampion, IsRejected: there is nothing to approve.
        VerdictMissing, GateRefused: the gate has not let it through.
        ChampionMoved: it was judged against another champion than the present one.
        Fenced: a later retraining than its own has been promoted.
        ManifestMismatch, ModelInvalid, ModelOutputInvalid, PromotionRefused: its files will not do.
    """
    verdict = _open_verdict(client, version)
    measured = str(verdict["sentence"]).removeprefix("Proposed: ").removeprefix("Promoted: ")
    why = f"{review.sentence.rstrip('.')}. {without_wait(measured)}"
    move = Move(
        model=version.model,
        version=version.version,
        judged_against=_judged_against(version, verdict),
        who=review.who,
        why=why,
        token=token_of(version.tags),
        entry=_entry_of(version, review, why),
    )

    def check(files: Path) -> None:
        # Under the lock: a rejection, or another run of the gate, may have come in between.
        _open_verdict(client, resolve(client, version.name))
        _smoke(version.model, files)

    pointer = promote(client, settings, move, check)
    mark(client, version, review, why)
    return pointer


def reject(settings: Settings, client: MlflowClient, version: Version, review: Review) -> None:
    """Take the challenger's alias from a version and say who does not want it, and why.

    Raises:
        IsChampion: it is the champion.
        IsRejected: it has been rejected before.
    """
    with promotion_lock(settings, version.model):
        present = resolve(client, version.name)
        _require_candidate(client, present)
        withdraw_challenger(client, version.model, version.version)
        set_version_tags(client, version.model, version.version, review.tags)
    mark(client, version, review, review.sentence)
    entry = _entry_of(version, review, review.sentence)
    append_decision(settings.root, entry, settings.lock_address)


def _open_verdict(client: MlflowClient, version: Version) -> dict[str, Any]:
    """Return the verdict that let a version through, which may still be approved."""
    _require_candidate(client, version)
    verdict = logged_verdict(client, version.run_id)
    if verdict is None:
        raise VerdictMissing(
            f"the gate has never judged {version.name}",
            expected=f"`gatecast models promote {version.name}` first",
            found="no verdict",
        )
    failed = next((check for check in verdict["checks"] if not check["passed"]), None)
    if failed is not None or not verdict["promoted"]:
        failed = failed or {"name": "through", "required": "a verdict that lets it through"}
        raise GateRefused(
            f"the gate refused {version.name}: not {failed['name']}",
            expected=failed["required"],
            found=failed.get("found", verdict["sentence"]),
        )
    return verdict


def _require_candidate(client: MlflowClient, version: Version) -> None:
    """Refuse what is champion, and what a reviewer has turned down."""
    if alias_of(client, version.model, CHAMPION) == version.version:
        raise IsChampion(
            f"{version.name} is the champion",
            expected="a version that is none; `gatecast models rollback` takes a champion away",
        )
    require_not_rejected(version)


def _judged_against(version: Version, verdict: dict[str, Any]) -> int | None:
    """Return the champion of the judgement: by the version's tag, else by the evidence."""
    tag = version.tags.get(AGAINST)
    if tag is not None:
        return None if tag == NOBODY else int(tag)
    evidence = verdict["evidence"]
    duel = evidence.get("duel") or {}
    found = evidence.get("champion_version", duel.get("version"))
    return None if found is None else int(found)


def _smoke(model: str, files: Path) -> None:
    """Ask a version's verified files what a promotion asks them."""
    if model.startswith("language-"):
        smoke_test_text(files)
        return
    require_own_model(read_card(files), model)
    smoke_test(files)


def reviewed(description: str, review: Review) -> str:
    """Put a review above a version's description, the newest first."""
    line = f"- {review.time}: {in_markdown(review.sentence)}"
    if description.startswith(HEADING):
        return f"{HEADING}{line}\n{description.removeprefix(HEADING)}"
    return f"{HEADING}{line}\n\n{description}"


def _entry_of(version: Version, review: Review, sentence: str) -> DecisionEntry:
    """Word a review for the log of decisions."""
    return DecisionEntry(
        model=version.model,
        version=version.version,
        run_id=version.run_id,
        promoted=review.state in PROMOTING,
        sentence=sentence,
        who=review.who,
        outcome=review.state,
    )


def mark(client: MlflowClient, version: Version, review: Review, sentence: str) -> None:
    """Leave a review where MLflow's pages show it: tags, description, and a file of the run."""
    verdict = version.tags.get("verdict")
    said = {} if verdict is None else {"verdict": without_wait(verdict)}
    set_version_tags(client, version.model, version.version, review.tags | said)
    tracking.set_tags(client, version.run_id, review.tags)
    with store_errors():
        client.update_model_version(
            version.model,
            str(version.version),
            description=storable(client, reviewed(without_wait(version.description), review)),
        )
        client.log_dict(
            version.run_id,
            {"version": version.name, "sentence": sentence, **vars(review)},
            f"{REVIEWS}/{version.version}-{review.state}.json",
        )
