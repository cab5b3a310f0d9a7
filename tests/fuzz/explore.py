"""Let atheris look for input that a parser neither takes nor refuses: `make fuzz`.

Run as `python -m tests.fuzz.explore csv|history SECONDS`. Input that takes longer than a second,
or makes the process grow, ends the search as a fault; what it found lies in the corpus.
"""

import sys
from pathlib import Path

import atheris

CORPUS = Path(__file__).with_name("corpus")

#: What one parser's process may hold, in MiB, libraries and instrumentation included.
MEMORY = 600


def main() -> None:
    """Explore one parser for so many seconds, beginning with its corpus."""
    with atheris.instrument_imports(include=["data_checks", "serving", "csv", "json"]):
        # Here, so that collecting the tests instruments nothing.
        from tests.fuzz.parsers import PARSERS  # noqa: PLC0415

    name, seconds = sys.argv[1], int(sys.argv[2])
    found = Path(".cache/fuzz") / name
    found.mkdir(parents=True, exist_ok=True)

    def look(content: bytes) -> None:
        PARSERS[name](content)

    atheris.Setup(
        [
            sys.argv[0],
            *(f"-max_total_time={seconds}", "-timeout=1", f"-rss_limit_mb={MEMORY}"),
            *("-max_len=8192", f"-artifact_prefix={found}/fault-", "-print_final_stats=1"),
            *(str(found), str(CORPUS / name)),
        ],
        look,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
