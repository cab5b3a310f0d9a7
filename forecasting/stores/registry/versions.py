"""Keep model versions: one whole folder each, registered only when its manifest is whole."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import mlflow
import mlflow.onnx
import onnx
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.telemetry import set_telemetry_client
from sqlalchemy.exc import SQLAlchemyError

from forecasting.errors import TrackingUnavailable, VersionUnknown
from forecasting.faults import reach
from forecasting.settings import Settings
from forecasting.stores.files import write_json
from forecasting.stores.published import (
    CARD,
    GRAPH,
    WEIGHTS,
    ModelCard,
    TextCard,
    verify_manifest,
    write_manifest,
)
from forecasting.stores.registry.descriptions import kept_description
from forecasting.stores.registry.pages import every
from forecasting.stores.registry.signatures import example_of, signature_of
from forecasting.stores.registry.store import ensure_store

#: What a process needs to run a version, and nothing more: no torch.
REQUIREMENTS = ["mlflow==3.17.2", "onnx==1.23.2", "onnxruntime==1.31.1", "numpy==2.4.6"]


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What a reviewer reads of a version, and what a filter finds it by."""

    description: str
    tags: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Version:
    """A registered version with its aliases."""

    model: str
    version: int
    run_id: str
    aliases: tuple[str, ...]
    tags: dict[str, str]
    description: str
    created: int

    @property
    def name(self) -> str:
        """The name that `gatecast models` takes: model/version."""
        return f"{self.model}/{self.version}"


def connect(settings: Settings) -> MlflowClient:
    """Open the store and return its client; MLflow's own calls use the same address.

    Raises:
        PickleEnabled: pickle loading was switched on.
        TrackingUnavailable: the store cannot be opened.
    """
    address = ensure_store(settings)
    # MLflow decides at its import whether it reports home; it may have been imported earlier.
    set_telemetry_client()  # type: ignore[no-untyped-call]
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    with store_errors():
        return MlflowClient(tracking_uri=address, registry_uri=address)


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn what MLflow and its database raise into one code.

    Raises:
        VersionUnknown: what was asked for is not there.
        TrackingUnavailable: anything else.
    """
    try:
        yield
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise VersionUnknown(f"the registry refused: {error.message}") from error
        raise TrackingUnavailable(f"the tracking store failed: {error.error_code}") from error
    except (SQLAlchemyError, OSError) as error:
        raise TrackingUnavailable(f"the tracking store failed: {type(error).__name__}") from error


def package(
    folder: Path,
    *,
    graph: Path,
    weights: Path,
    card: ModelCard | TextCard,
    identity: Model,
    beside: Sequence[Path] = (),
) -> str:
    """Lay a version's files into a folder that MLflow, a client and a reviewer can read.

    Args:
        folder: an empty or absent folder.
        graph: the ONNX file that was judged.
        weights: its weights as safetensors.
        card: what the graph reads and returns.
        identity: MLflow's model with the ids of run and model.
        beside: further files that the graph is of no use without.

    Returns:
        The SHA-256 of the manifest.
    """
    mlflow.onnx.save_model(
        onnx.load(graph),
        str(folder),
        signature=signature_of(card),
        input_example=example_of(card),
        pip_requirements=REQUIREMENTS,
        save_as_external_data=False,
        onnx_execution_providers=["CPUExecutionProvider"],
        mlflow_model=identity,
    )
    # The bytes that were judged, not a second serialisation of them.
    shutil.copyfile(graph, folder / GRAPH)
    shutil.copyfile(weights, folder / WEIGHTS)
    for path in beside:
        shutil.copyfile(path, folder / path.name)
    write_json(folder / CARD, asdict(card))
    return write_manifest(folder)


def register(
    client: MlflowClient,
    *,
    graph: Path,
    weights: Path,
    card: ModelCard | TextCard,
    registration: Registration,
    beside: Sequence[Path] = (),
) -> int:
    """Log a whole version and register it; what is half-written is never registered.

    Returns:
        The version's number.

    Raises:
        TrackingUnavailable: the store failed.
        ManifestMismatch: what the store gave back is not what was logged.
    """
    with store_errors(), tempfile.TemporaryDirectory() as scratch:
        reach("publish.begun")
        run = client.get_run(card.run_id)
        logged = client.create_logged_model(
            run.info.experiment_id,
            name=card.cell,
            source_run_id=card.run_id,
            model_type="forecaster" if isinstance(card, ModelCard) else "language-model",
            tags=registration.tags,
        )
        reach("publish.opened")
        folder = Path(scratch) / "model"
        manifest = package(
            folder,
            graph=graph,
            weights=weights,
            card=card,
            identity=Model(run_id=card.run_id, model_id=logged.model_id),
            beside=beside,
        )
        reach("publish.packaged")
        client.log_model_artifacts(logged.model_id, str(folder))
        reach("publish.logged")
        client.finalize_logged_model(logged.model_id, "READY")
        reach("publish.closed")
        _check_returned(logged.model_id, Path(scratch) / "returned", manifest)
        ensure_model(client, card.model)
        made = client.create_model_version(
            card.model,
            source=f"models:/{logged.model_id}",
            run_id=card.run_id,
            model_id=logged.model_id,
            tags={**registration.tags, "manifest_sha256": manifest},
            description=kept_description(
                client, card.run_id, logged.model_id, registration.description
            ),
        )
        reach("publish.registered")
        return int(made.version)


def _check_returned(model_id: str, folder: Path, manifest: str) -> None:
    fetched = mlflow.artifacts.download_artifacts(f"models:/{model_id}", dst_path=str(folder))
    verify_manifest(Path(fetched), manifest)


def ensure_model(client: MlflowClient, model: str) -> None:
    """Create the registered model when it is new; another process may have been quicker."""
    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def fetch(client: MlflowClient, model: str, version: int, folder: Path) -> Path:
    """Download a version's files and verify every byte.

    Raises:
        VersionUnknown: there is no such version.
        ManifestMismatch: its files are not whole.
    """
    with store_errors():
        entry = client.get_model_version(model, str(version))
        fetched = Path(
            mlflow.artifacts.download_artifacts(f"models:/{model}/{version}", dst_path=str(folder))
        )
    verify_manifest(fetched, entry.tags.get("manifest_sha256"))
    return fetched


def list_models(client: MlflowClient, prefix: str = "") -> list[str]:
    """Return the names of all registered models that begin with the prefix, sorted."""
    with store_errors():
        found = every(client.search_registered_models)
    return sorted(model.name for model in found if model.name.startswith(prefix))


def list_versions(client: MlflowClient, model: str) -> list[Version]:
    """Return all versions of a model, newest first, with their aliases."""
    with store_errors():
        # A search returns versions without aliases; the registered model has them.
        aliases = _aliases(client, model)
        found = every(client.search_model_versions, f"name = '{model}'")
    return sorted(
        (_version(entry, aliases) for entry in found),
        key=lambda version: version.version,
        reverse=True,
    )


def resolve(client: MlflowClient, name: str) -> Version:
    """Find a version by `model/3` or `model@champion`.

    Raises:
        VersionUnknown: the name has another form, or nothing is there.
    """
    model, at, alias = name.partition("@")
    if at:
        with store_errors():
            number = client.get_model_version_by_alias(model, alias).version
    else:
        model, _, number = name.rpartition("/")
    if not model or not str(number).isdigit():
        raise VersionUnknown(
            "not the name of a version", expected="model/3 or model@champion", found=name
        )
    with store_errors():
        entry = client.get_model_version(model, str(number))
        return _version(entry, _aliases(client, model))


def _aliases(client: MlflowClient, model: str) -> dict[str, str]:
    return dict(client.get_registered_model(model).aliases)


def _version(entry: ModelVersion, aliases: dict[str, str]) -> Version:
    number = str(entry.version)
    return Version(
        model=entry.name,
        version=int(entry.version),
        run_id=entry.run_id or "",
        aliases=tuple(
            sorted(alias for alias, version in aliases.items() if str(version) == number)
        ),
        tags=dict(entry.tags),
        description=entry.description or "",
        created=int(entry.creation_timestamp),
    )
