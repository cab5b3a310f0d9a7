"""Publish a champion's files beside a pointer that is replaced by rename; verify before reading."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from forecasting.errors import ManifestMismatch, NoChampion
from forecasting.faults import reach
from forecasting.stores.files import NAME, safe_name, sha256, sync_folder, write_json

MANIFEST = "manifest.json"
#: Not in a manifest: itself, and what MLflow writes anew at every download.
UNLISTED = (MANIFEST, "registered_model_meta")
GRAPH = "model.onnx"
CARD = "model.json"
WEIGHTS = "weights.safetensors"

#: The registry's alias that is served, and how the names of our models begin.
SERVED_ALIAS = "champion"
PREFIXES = ("climate-", "language-")


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What a version needs to be run and named: the `model.json` beside its graph.

    The graph takes `history` (batch, history, variables) float32 in internal units with NaN
    for gaps and `origin` (batch,) int64, the label of the last history step in seconds since
    1970-01-01T00:00 on the station's calendar; it returns `quantiles` (batch, horizon, levels)
    in the target's unit. `skill_horizon` is the last lead up to which it beat climatology and
    damped persistence; None on a card older than that field. `refit` says that the version was
    trained on all rows, after `judged_version`, of the same recipe, had passed the gate.
    """

    model: str
    station: str
    target: str
    unit: str
    variables: tuple[str, ...]
    history: int
    horizon: int
    levels: tuple[float, ...]
    step_seconds: int
    cell: str
    members: int
    parameters: int
    trained_through: str
    data_sha256: str
    run_id: str
    skill_horizon: int | None = None
    refit: bool = False
    judged_version: int | None = None


@dataclass(frozen=True, kw_only=True)
class TextCard:
    """The `model.json` of a language model's version, beside its graph and its vocabulary.

    The graph takes `symbols` (batch, steps) int64 and `state` (batch, state) float32 and
    returns `log_probabilities` (batch, steps, symbols) in nats of what follows each symbol, and
    the state `after` them. `preparation` says how a text becomes characters, and the vocabulary
    which number each has.
    """

    model: str
    corpus: str
    preparation: str
    symbols: int
    state: int
    cell: str
    members: int
    parameters: int
    vocabulary_sha256: str
    data_sha256: str
    test_bits_per_character: float
    run_id: str


@dataclass(frozen=True, kw_only=True)
class Pointer:
    """Which version is champion, where its files are, and the sum of its manifest."""

    model: str
    version: int
    alias: str
    run_id: str
    folder: str
    manifest_sha256: str


def manifest_of(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a version but the manifest itself, by relative path."""
    return {
        path.relative_to(folder).as_posix(): sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in UNLISTED
    }


def write_manifest(folder: Path) -> str:
    """Write the manifest of a folder; returns the manifest's own SHA-256."""
    write_json(folder / MANIFEST, manifest_of(folder))
    return sha256(folder / MANIFEST)


def verify_manifest(folder: Path, expected_sha256: str | None = None) -> None:
    """Check every byte of a version before anything parses it.

    Raises:
        ManifestMismatch: the manifest is missing or another one, or a file is missing,
            extra, or changed.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ManifestMismatch("the manifest is missing", expected=MANIFEST, found=folder.name)
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if expected_sha256 is not None and digest != expected_sha256:
        raise ManifestMismatch("another manifest", expected=expected_sha256, found=digest)
    named = _parse_manifest(content)
    present = manifest_of(folder)
    require_same_sums(named, present, "files do not match the manifest")


def require_same_sums(named: Mapping[str, str], present: Mapping[str, str], what: str) -> None:
    """Refuse files that are not those of a list, both as SHA-256 by name; names the first five.

    Raises:
        ManifestMismatch: a file is missing, extra or changed.
    """
    wrong = sorted(
        name for name in named.keys() | present.keys() if named.get(name) != present.get(name)
    )
    if wrong:
        raise ManifestMismatch(
            f"{what}: {', '.join(wrong[:5])}",
            expected=named.get(wrong[0], "no such file"),
            found=present.get(wrong[0], "no such file"),
        )


def _parse_manifest(content: bytes) -> dict[str, str]:
    try:
        named = json.loads(content)
    except ValueError as error:
        raise ManifestMismatch("the manifest is no JSON", expected=MANIFEST) from error
    if not isinstance(named, dict):
        raise ManifestMismatch(
            "the manifest is another thing", expected="sums by file name", found=type(named)
        )
    return named


def pointer_path(root: Path, model: str) -> Path:
    """Return where the champion's pointer of a model is kept."""
    return root / "published" / safe_name(model) / "champion.json"


def publish(root: Path, files: Path, *, version: int, alias: str, run_id: str) -> Pointer:
    """Copy a version's files beside the pointer, then replace the pointer by rename.

    Args:
        root: the home folder.
        files: folder with the graph, the card and the manifest.
        version: the registry's version number.
        alias: the alias under which it is served.
        run_id: the MLflow run that made it.

    Raises:
        ManifestMismatch: the files are not what their manifest names.
    """
    verify_manifest(files)
    model = model_of(files)
    manifest_sha256 = sha256(files / MANIFEST)
    home = pointer_path(root, model).parent
    folder = f"{version}-{manifest_sha256[:12]}"
    if not _is_whole(home / folder, manifest_sha256):
        _put(files, home / folder)
    pointer = Pointer(
        model=model,
        version=version,
        alias=alias,
        run_id=run_id,
        folder=folder,
        manifest_sha256=manifest_sha256,
    )
    reach("promote.placed")
    write_json(pointer_path(root, model), asdict(pointer))
    reach("promote.pointed")
    return pointer


def _is_whole(folder: Path, manifest_sha256: str) -> bool:
    """Say whether an earlier publication of the same version can be used as it lies."""
    try:
        verify_manifest(folder, manifest_sha256)
    except ManifestMismatch:
        return False
    return True


def _put(files: Path, folder: Path) -> None:
    """Copy a version's files into place by rename, over what the disk may have spoilt."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".tmp-"))
    try:
        shutil.copytree(files, temporary, dirs_exist_ok=True)
        temporary.chmod(0o755)
        reach("promote.copied")
        shutil.rmtree(folder, ignore_errors=True)
        temporary.replace(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(folder.parent)


def withdraw(root: Path, model: str) -> None:
    """Remove the pointer: the model has no champion any more; its files stay."""
    pointer_path(root, model).unlink(missing_ok=True)


def read_pointer(root: Path, model: str) -> Pointer:
    """Read which version is champion.

    Raises:
        NameInvalid: the model's name may not become a path.
        NoChampion: nothing has been promoted.
    """
    try:
        content: dict[str, Any] = json.loads(pointer_path(root, model).read_bytes())
    except FileNotFoundError as error:
        raise NoChampion(f"{model} has no champion", expected="a promoted version") from error
    return Pointer(**content)


def version_folder(root: Path, pointer: Pointer) -> Path:
    """Return the folder with the pointed version's files."""
    return pointer_path(root, pointer.model).parent / pointer.folder


def model_of(folder: Path) -> str:
    """Return the model's name on a version's card, of whichever kind; its manifest is verified."""
    return str(json.loads((folder / CARD).read_bytes())["model"])


def read_text_card(folder: Path) -> TextCard:
    """Read the card of a language model's version whose manifest has been verified."""
    return TextCard(**json.loads((folder / CARD).read_bytes()))


def read_card(folder: Path) -> ModelCard:
    """Read the card of a version whose manifest has been verified."""
    content = json.loads((folder / CARD).read_bytes())
    return ModelCard(
        **{
            **content,
            "variables": tuple(content["variables"]),
            "levels": tuple(content["levels"]),
        }
    )


def is_ours(model: str) -> bool:
    """Return whether a registered model is one of ours; a registry may hold others as well."""
    return model.startswith(PREFIXES) and NAME.fullmatch(model) is not None


def published_models(root: Path) -> list[str]:
    """Return the names of all models that have a champion, sorted."""
    return sorted(path.parent.name for path in (root / "published").glob("*/champion.json"))
