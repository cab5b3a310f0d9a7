"""Land a corpus' raw file: read once from where it comes, kept under its own SHA-256."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from data_checks.corpora import FileSource, TextCorpus
from data_checks.origins import PackageSource
from data_checks.text_facts import decode
from forecasting.errors import SourceFormat
from forecasting.settings import Settings
from forecasting.stores.files import sha256, write_bytes, write_json
from pipelines.sources.fetch import ConnectionPolicy, fetch
from pipelines.sources.landing import READ_ONLY, ingesting
from pipelines.sources.local import read_file, read_package
from pipelines.sources.unpack import unpack


def land_text(
    corpus: TextCorpus,
    settings: Settings,
    text: Path | None = None,
    *,
    policy: ConnectionPolicy | None = None,
    wait: float = 0.0,
) -> Path:
    """Bring a corpus' file into the landing zone; returns its path there.

    Args:
        corpus: the declaration.
        settings: the home folder, and how far to go for a download.
        text: a local file to take instead of the declared source. Where the declaration fixes
            the bytes, it must be the same ones.
        policy: whom to ask and how; the settings' own when not given.
        wait: longest wait for another process that lands the same corpus, in seconds.

    Raises:
        AlreadyRunning: another process landed the same corpus for longer than the wait.
        SourceUnavailable, SourceForbidden, SourceTooLarge: the source did not give the file.
        SourceFormat: it is no text, or not the file that the declaration fixes.
    """
    with ingesting(settings, f"text-{corpus.name}", wait):
        content, name = _gather(corpus, text, policy or ConnectionPolicy.of(settings))
        decode(content, name)
        digest = hashlib.sha256(content).hexdigest()
        if corpus.source.sha256 and digest not in corpus.source.sha256:
            raise SourceFormat(
                f"{name} is not the file that the corpus fixes",
                expected=corpus.source.sha256[0],
                found=digest,
            )
        return _keep(settings.root, corpus, content, name)


def _gather(corpus: TextCorpus, text: Path | None, policy: ConnectionPolicy) -> tuple[bytes, str]:
    """Read the file, and unpack it where it is packed; returns its bytes and its name."""
    source, most = corpus.source, policy.most_bytes
    if text is not None or isinstance(source, FileSource):
        path = source.path if text is None and isinstance(source, FileSource) else text or Path()
        name, content = str(path), read_file(path.expanduser(), most_bytes=most)
    elif isinstance(source, PackageSource):
        name = f"package {source.package}: {source.file}"
        content = read_package(source, most_bytes=most)
    else:
        name, content = source.names()[0], fetch(source.names()[0], policy).body
    return unpack(content, name, most_bytes=most), name


def _keep(root: Path, corpus: TextCorpus, content: bytes, name: str) -> Path:
    """Write the bytes and the card beside them, unless both are there already."""
    digest = hashlib.sha256(content).hexdigest()
    path = root / "raw" / "texts" / f"{digest}.txt"
    if not path.is_file() or sha256(path) != digest:
        write_bytes(path, content)
        path.chmod(READ_ONLY)
    card = path.with_suffix(".json")
    if not card.is_file():
        write_json(
            card,
            {
                "sha256": digest,
                "source": name,
                "licence": corpus.licence,
                "attribution": corpus.attribution,
                "fetched_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "corpus": corpus.name,
            },
        )
    return path
