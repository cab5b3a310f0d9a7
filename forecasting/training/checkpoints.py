"""Write one whole checkpoint an epoch, tensors and JSON only; read the newest that is whole."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from forecasting.errors import CheckpointCorrupt
from forecasting.faults import reach
from forecasting.stores.files import sha256, write_bytes

Weights = dict[str, Tensor]

#: The newest and the one before it: enough to step back over a file that the disk spoilt.
KEPT = 2


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Everything that the rest of a training depends on.

    `optimiser` is keyed by the position of the weight and the name of its slot; `generators`
    holds the random states; `progress` is JSON.
    """

    spec: dict[str, Any]
    epoch: int
    model: Weights
    best: Weights
    optimiser: dict[int, dict[str, Tensor]]
    generators: dict[str, Tensor]
    progress: dict[str, Any]


def save(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint durably under a name that carries its digest; drop the oldest."""
    tensors = {f"model/{name}": weight for name, weight in checkpoint.model.items()}
    tensors |= {f"best/{name}": weight for name, weight in checkpoint.best.items()}
    tensors |= {f"generators/{name}": state for name, state in checkpoint.generators.items()}
    for position, slots in checkpoint.optimiser.items():
        tensors |= {f"optimiser/{position}/{slot}": value for slot, value in slots.items()}
    head = {"spec": checkpoint.spec, "epoch": checkpoint.epoch, "progress": checkpoint.progress}
    content = to_bytes(
        {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()},
        metadata={"head": json.dumps(head)},
    )
    digest = hashlib.sha256(content).hexdigest()[:16]
    path = folder / f"epoch-{checkpoint.epoch:06d}-{digest}.safetensors"
    write_bytes(path, content)
    reach("fit.checkpointed")
    # A training that gives up in an epoch writes the one before it again: only that one counts.
    same = [old for old in folder.glob(f"epoch-{checkpoint.epoch:06d}-*") if old != path]
    for old in same + _newest_first(folder)[KEPT + len(same) :]:
        old.unlink(missing_ok=True)
    return path


def load(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        CheckpointCorrupt: the bytes are not those that were written.
    """
    expected, found = path.stem.rpartition("-")[2], sha256(path)[:16]
    if expected != found:
        raise CheckpointCorrupt(
            f"checkpoint {path.name} is damaged", expected=expected, found=found
        )
    try:
        with safe_open(path, framework="pt") as file:
            head = json.loads(file.metadata()["head"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except SafetensorError as error:
        raise CheckpointCorrupt(f"checkpoint {path.name} cannot be read") from error
    optimiser: dict[int, dict[str, Tensor]] = {}
    for name, value in _under(tensors, "optimiser").items():
        position, slot = name.split("/")
        optimiser.setdefault(int(position), {})[slot] = value
    return Checkpoint(
        model=_under(tensors, "model"),
        best=_under(tensors, "best"),
        generators=_under(tensors, "generators"),
        optimiser=optimiser,
        **head,
    )


def latest(folder: Path, spec: dict[str, Any]) -> Checkpoint | None:
    """Return the newest whole checkpoint of the spec; damaged ones are stepped over."""
    for path in _newest_first(folder):
        try:
            checkpoint = load(path)
        except CheckpointCorrupt:
            path.unlink(missing_ok=True)
            continue
        if checkpoint.spec == json.loads(json.dumps(spec)):
            return checkpoint
    return None


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("epoch-*.safetensors"), reverse=True)


def _under(tensors: Weights, prefix: str) -> dict[str, torch.Tensor]:
    """Return the tensors below a prefix, without it."""
    head = prefix + "/"
    return {
        name.removeprefix(head): value for name, value in tensors.items() if name.startswith(head)
    }
