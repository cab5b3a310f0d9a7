"""Keep what a version was trained with, so that it can be trained again or told why not."""

import hashlib
import json
import os
import platform
import subprocess  # git, with fixed arguments
from importlib.metadata import version
from pathlib import Path
from typing import Any

from forecasting.stores.files import write_json

ROOT = Path(__file__).resolve().parent.parent

#: In a candidate's folder, and in its run: what it was trained with.
ENVIRONMENT = "environment.json"

#: Whose versions decide which weights a seed gives, and which graph they become.
LIBRARIES = ("torch", "numpy", "onnx", "onnxruntime", "safetensors")


def training_environment(*, trains: bool = False) -> dict[str, Any]:
    """Return what the weights of a training in this process depend on, beside data and plan.

    Args:
        trains: whether this process, which trains nothing itself, speaks for a child that does.
    """
    return {
        "code_version": code_version(),
        "lock_sha256": lock_sha256(),
        "python": platform.python_version(),
        "library": {name: version(name) for name in LIBRARIES},
        "processor": processor() | ({"threads": 1} if trains else {}),
    }


def code_version() -> str:
    """Return the package's version with the commit it was run from, where there is one."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return version("gatecast")
    return f"{version('gatecast')}+{said.stdout.strip()}"


def lock_sha256() -> str:
    """Return the digest of the lock file that the installation was made from."""
    lock = ROOT / "requirements.lock"
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else "not present"


def processor() -> dict[str, Any]:
    """Return what of the processor decides in which order and how exactly sums are taken."""
    import torch  # noqa: PLC0415 - takes seconds

    return {
        "model": processor_model(),
        "machine": platform.machine(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "cuda": torch.cuda.is_available(),
    }


def processor_model(path: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's own name where the system tells it."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "unknown")


def write_environment(folder: Path) -> None:
    """Write what a candidate is being trained with into its folder."""
    write_json(folder / ENVIRONMENT, training_environment())


def read_environment(folder: Path) -> dict[str, Any]:
    """Read what a candidate was trained with; of one without it, what this process would take."""
    path = folder / ENVIRONMENT
    if not path.is_file():
        return training_environment()
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content


def flat(environment: dict[str, Any]) -> dict[str, str]:
    """Return an environment as tags.

    >>> flat({"python": "3.13.1", "processor": {"threads": 1}})
    {'python': '3.13.1', 'processor.threads': '1'}
    """
    tags: dict[str, str] = {}
    for name, value in environment.items():
        if isinstance(value, dict):
            tags |= {f"{name}.{part}": str(each) for part, each in value.items()}
        else:
            tags[name] = str(value)
    return tags
