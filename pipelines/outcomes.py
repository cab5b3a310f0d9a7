"""Name what came of a judged version, for tags, logs and events: promoted, proposed or refused."""

import re

from mlflow import MlflowClient

from forecasting.errors import GatecastError
from forecasting.stores.fencing import TAG, Fence
from forecasting.stores.registry.descriptions import storable
from forecasting.stores.registry.versions import Version, store_errors

PROMOTED, PROPOSED, REFUSED = "promoted", "proposed", "refused"

#: What a reviewer made of a version that nobody may bring back but the gate.
REJECTED = "rejected"

#: What the log of decisions says of a champion that somebody brought back.
WENT_BACK = "rolled back"

#: The tags by which a version says how its review stands, and which champion it was judged against.
REVIEW, AGAINST = "review", "judged_against"

#: What a proposal says at its end.
WAITING = re.compile(r" It waits for `gatecast models approve [^`]*`\.")

#: What stands for the champion of a model that had none.
NOBODY = "none"


class IsRejected(GatecastError):
    """A reviewer has rejected the version; the gate has to propose it anew."""

    code = "IS_REJECTED"


def require_not_rejected(version: Version) -> None:
    """Refuse a version that a reviewer has turned down since the gate last let it through.

    Raises:
        IsRejected: somebody has.
    """
    if version.tags.get(REVIEW) == REJECTED:
        raise IsRejected(
            f"{version.name} was rejected by {version.tags.get('rejected_by')}",
            expected=f"`gatecast models promote {version.name}`, which runs the gate anew",
            found=version.tags.get("rejected_why"),
        )


def outcome_of(*, promoted: bool, proposed: bool) -> str:
    """Return the word for a decision."""
    if promoted:
        return PROMOTED
    return PROPOSED if proposed else REFUSED


def proposal(sentence: str, name: str) -> str:
    """Return the sentence of a verdict that passed, where a person has yet to agree.

    >>> proposal("Promoted: mean MAE 1.9.", "climate-oslo/3")
    'Proposed: mean MAE 1.9. It waits for `gatecast models approve climate-oslo/3`.'
    """
    measured = sentence.removeprefix("Promoted: ")
    return f"Proposed: {measured} It waits for `gatecast models approve {name}`."


def as_judged(sentence: str) -> str:
    """Return the sentence of a verdict that passed, for the version in whose place its refit goes.

    >>> as_judged("Promoted: mean MAE 1.9.")
    'Judged: mean MAE 1.9.'
    """
    return f"Judged: {sentence.removeprefix('Promoted: ')}"


def without_wait(sentence: str) -> str:
    """Return a proposal's words without who is waited for, once somebody has spoken.

    >>> without_wait("Proposed: MAE 1.9. It waits for `gatecast models approve climate-oslo/3`.")
    'Proposed: MAE 1.9.'
    """
    return WAITING.sub("", sentence)


def outcome_tags(outcome: str, champion: int | None) -> dict[str, str]:
    """Return the tags of a version that has just been judged; they replace those of a review."""
    return {
        "promoted": str(outcome == PROMOTED).lower(),
        "proposed": str(outcome == PROPOSED).lower(),
        REVIEW: outcome,
        AGAINST: NOBODY if champion is None else str(champion),
    }


def tag_fence(client: MlflowClient, model: str, version: int, fence: Fence | None) -> None:
    """Write on a version under which number its retraining worked."""
    if fence is not None:
        set_version_tags(client, model, version, {TAG: str(fence.token)})


def token_of(tags: dict[str, str]) -> int | None:
    """Return the number of a version's retraining; None of one older than such numbers."""
    return int(tags[TAG]) if tags.get(TAG, "").isdigit() else None


def set_version_tags(client: MlflowClient, model: str, version: int, tags: dict[str, str]) -> None:
    """Write tags on a registered version, but for those that it has already.

    To look is one question; MLflow takes tags one by one, each in several questions and a commit.
    """
    with store_errors():
        known = client.get_model_version(model, str(version)).tags
        for name, value in tags.items():
            if known.get(name) != value:
                client.set_model_version_tag(model, str(version), name, value)


def restate(client: MlflowClient, model: str, version: int | None, first: str, final: str) -> None:
    """Put the sentence of the decision where a description has that of the first judgement.

    A version is registered before it is promoted, proposed, or outrun by another one.
    """
    if version is None or first == final:
        return
    with store_errors():
        said = client.get_model_version(model, str(version)).description or ""
        found = first if first in said else as_judged(first)
        text = storable(client, said.replace(found, final, 1))
        client.update_model_version(model, str(version), description=text)
