"""Find a corpus by its shipped name or by the path of its TOML file."""

import tomllib
from pathlib import Path

from data_checks.corpora import FileSource, TextCorpus, parse_corpus
from forecasting.errors import CorpusInvalid, CorpusUnknown

SHIPPED = Path(__file__).parent.parent / "corpora"

#: The corpus that a fresh machine has: it comes with a package.
PACKAGED = "schoolmistress"


def find_corpus(name_or_toml: str) -> TextCorpus:
    """Return a shipped corpus, or the one that a TOML file declares.

    Args:
        name_or_toml: a shipped name, or a path that ends in `.toml`. The relative path of a
            file inside it is relative to it.

    Raises:
        CorpusUnknown: neither a shipped name nor an existing file.
        CorpusInvalid: the file does not declare a corpus.
    """
    if name_or_toml.endswith(".toml"):
        return _read(Path(name_or_toml).expanduser())
    known = {path.stem: path for path in sorted(SHIPPED.glob("*.toml"))}
    if name_or_toml not in known:
        raise CorpusUnknown(
            "no such corpus",
            expected=f"{', '.join(known)}, or a path to a .toml file",
            found=name_or_toml[:200],
        )
    return _read(known[name_or_toml])


def is_corpus(name_or_toml: str) -> bool:
    """Say whether a name is a corpus' and not a dataset's: shipped, or a file without columns."""
    if not name_or_toml.endswith(".toml"):
        return (SHIPPED / f"{name_or_toml}.toml").is_file()
    try:
        return "columns" not in tomllib.loads(Path(name_or_toml).expanduser().read_text("utf-8"))
    except (OSError, ValueError):
        return False  # the dataset's own reader says what is wrong with it


def _read(path: Path) -> TextCorpus:
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise CorpusUnknown(
            "no such corpus file", expected="a readable .toml file", found=path
        ) from error
    except UnicodeDecodeError as error:
        raise CorpusInvalid(f"{path.name} is not text", expected="UTF-8") from error
    corpus = parse_corpus(text, path.name)
    if not isinstance(corpus.source, FileSource):
        return corpus
    source = corpus.source.model_copy(
        update={"path": (path.parent / corpus.source.path.expanduser()).resolve()}
    )
    return corpus.model_copy(update={"source": source})
