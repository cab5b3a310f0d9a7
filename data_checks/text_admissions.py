"""Keep admitted texts under their own SHA-256, each bound to the verdict that let it in."""

import json
from pathlib import Path
from typing import Any

from data_checks.corpora import TextCorpus
from data_checks.texts import TextAdmission, require_accepted
from forecasting.errors import DataUnchecked
from forecasting.language.corpus import Corpus
from forecasting.stores.files import write_bytes, write_json

TEXT, VERDICT = "text.txt", "verdict.json"


def save_text(root: Path, corpus: TextCorpus, admission: TextAdmission) -> str:
    """Write an accepted text, then its verdict; returns the text's SHA-256.

    The verdict is written last, by rename: a kill in between leaves a text without a verdict,
    which `load_text` refuses.

    Raises:
        CorpusInvalid, DataRefused: the text was refused.
    """
    digest = require_accepted(admission)
    folder = root / "texts" / digest
    write_bytes(folder / TEXT, (admission.text or "").encode())
    verdict = {**admission.to_json(), "preparation": corpus.preparation}
    write_json(folder / VERDICT, verdict)
    return digest


def load_text(root: Path, data_sha256: str) -> Corpus:
    """Read a text that the checks have accepted.

    Raises:
        DataUnchecked: no accepting verdict is bound to that SHA-256, or the text was changed.
    """
    if len(data_sha256) != 64 or set(data_sha256) - set("0123456789abcdef"):
        raise DataUnchecked("not a data version", expected="64 hexadecimal digits")
    folder = root / "texts" / data_sha256
    try:
        verdict: dict[str, Any] = json.loads((folder / VERDICT).read_bytes())
        text = (folder / TEXT).read_bytes().decode()
        accepted = verdict["verdict"] == "accepted" and verdict["data_sha256"] == data_sha256
        corpus = Corpus(name=verdict["corpus"], text=text, preparation=verdict["preparation"])
    except FileNotFoundError as error:
        raise DataUnchecked(
            "the text has no verdict", expected=f"a verdict for {data_sha256}", found="none"
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise DataUnchecked("the text's verdict cannot be read", found=error) from error
    if not accepted or corpus.sha256 != data_sha256:
        raise DataUnchecked(
            "the text is not the one that was accepted", expected=data_sha256, found=corpus.sha256
        )
    return corpus
