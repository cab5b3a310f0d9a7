"""Keep an ensemble: its weights in one safetensors file that also says its members' shapes."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from forecasting.climate.baselines import Baselines
from forecasting.climate.blending import Blend, BlendWeights
from forecasting.climate.model import ClimateForecaster, ForecasterSpec, Statistics
from forecasting.climate.scaling import Climatology, Scaler
from forecasting.climate.windows import WindowSpec
from forecasting.errors import ModelInvalid
from forecasting.stores.files import write_bytes
from forecasting.stores.published import WEIGHTS

#: Where the file's own metadata lists the members' specs, and the prefix of a member's weights.
SPECS, PREFIX = "members", "members."


def write_members(ensemble: nn.Module, path: Path) -> None:
    """Write every weight and buffer of an ensemble, and beside them the spec of each member.

    Args:
        ensemble: a module whose `members` are climate forecasters.
        path: the safetensors file.

    Raises:
        ModelInvalid: it has no such members.
    """
    members = list(getattr(ensemble, "members", ()))
    if not members or not all(isinstance(member, ClimateForecaster) for member in members):
        raise ModelInvalid(
            "no ensemble of climate forecasters",
            expected="members that are climate forecasters",
            found=type(ensemble).__name__,
        )
    state = {name: part.cpu().contiguous().clone() for name, part in ensemble.state_dict().items()}
    specs = json.dumps([asdict(member.spec) for member in members])
    write_bytes(path, to_bytes(state, metadata={SPECS: specs}))


def members_of(folder: Path) -> list[ClimateForecaster]:
    """Rebuild the members of a version whose manifest has been verified, ready to be asked.

    Raises:
        ModelInvalid: its weights do not say which members they belong to, or do not fit them.
    """
    with _fitting_weights():
        return _members(*_read(folder))


def blend_of(folder: Path) -> Blend:
    """Rebuild the whole of a version whose manifest has been verified: what its graph says.

    Raises:
        ModelInvalid: as `members_of`, or the weights are not those of a blend.
    """
    with _fitting_weights():
        listed, state = _read(folder)
        members = _members(listed, state)
        spec = members[0].spec
        blend = Blend(members, Baselines.blank(spec.linear), BlendWeights.even(spec))
        blend.load_state_dict(state)
        return blend.eval()


@contextmanager
def _fitting_weights() -> Iterator[None]:
    """Turn every way in which weights cannot be used into one refusal."""
    try:
        yield
    except (SafetensorError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise ModelInvalid(
            "the weights do not fit their members", expected=f"whole {WEIGHTS}", found=error
        ) from error


def _read(folder: Path) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """Return the members' specs and every weight and buffer of the file."""
    with safe_open(folder / WEIGHTS, framework="pt") as kept:
        listed = json.loads((kept.metadata() or {}).get(SPECS, "[]"))
        return listed, {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118 - no dict


def _members(listed: list[dict[str, Any]], state: dict[str, Tensor]) -> list[ClimateForecaster]:
    if not listed:
        raise ModelInvalid(
            "the version does not say how its networks are shaped",
            expected="a station's own model of a later retraining",
            found=f"{WEIGHTS} without specs",
        )
    return [_rebuild(each, place, state) for place, each in enumerate(listed)]


def _rebuild(content: dict[str, Any], place: int, state: dict[str, Tensor]) -> ClimateForecaster:
    """Build one member from its spec and its share of the weights."""
    start = f"{PREFIX}{place}."
    own = {name.removeprefix(start): part for name, part in state.items() if name.startswith(start)}
    spec = _parse(content)
    numbers = {name: own[name].double().numpy() for name in ("mean", "deviation", "spread")}
    usual = own["usual"].double().numpy()
    climatology = Climatology(
        intercept=float(usual[0]), weights=usual[1:], step_seconds=spec.step_seconds
    )
    member = ClimateForecaster(spec, Statistics(scaler=Scaler(**numbers), climatology=climatology))
    member.load_state_dict(own)
    return member.eval()


def _parse(content: dict[str, Any]) -> ForecasterSpec:
    tuples: dict[str, Sequence[float]] = {
        name: tuple(content[name]) for name in ("widths", "levels")
    }
    window = WindowSpec(**content["window"])
    return ForecasterSpec(**{**content, **tuples, "window": window})
