"""Train one network in a process of its own: `python -m pipelines.texts.fitting ROOT FOLDER NAME`.

Prints one JSON line an epoch. torch gets one thread; two networks run side by side.
"""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from forecasting.errors import GatecastError
from forecasting.stores.files import write_json
from pipelines.fitting import REFUSAL, end_with_parent, say

#: Beside a network's weights: how it was trained, and what it said before and after.
HISTORY = "history.json"


def main(arguments: list[str]) -> int:
    """Train the network of a name, measure it, write its folder."""
    from forecasting.language.training import train_network  # noqa: PLC0415 - torch takes seconds
    from forecasting.training.machine import one_thread  # noqa: PLC0415 - torch takes seconds
    from pipelines.provenance import write_environment  # noqa: PLC0415 - only in the child
    from pipelines.texts.workspace import read_text_plan  # noqa: PLC0415 - torch takes seconds

    root, folder, name = Path(arguments[0]), Path(arguments[1]), arguments[2]
    one_thread()
    try:
        plan = read_text_plan(folder)
        corpus = plan.text(root)
        member, seed = plan.network(name, len(corpus.vocabulary))

        def tell(epoch: Any) -> None:  # noqa: ANN401 - an Epoch
            say({"cell": name, "member": 0, **asdict(epoch)})

        trained = train_network(corpus, member, seed, folder / name, tell)
        write_environment(folder / name)
        write_json(folder / name / HISTORY, trained.to_json())
        say({"cell": name, "done": 1})
    except GatecastError as error:
        say({REFUSAL: error.to_json()})
        return 1
    return 0


if __name__ == "__main__":
    end_with_parent()
    sys.exit(main(sys.argv[1:]))
