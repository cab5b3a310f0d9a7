"""Run as a short-lived process: make every published pointer follow the registry's champion.

The API process spawns this when the store has changed, so that MLflow stays out of it.
Prints one JSON object: the models whose pointer moved, and those that could not be followed.
"""

import json
import sys

from forecasting.errors import GatecastError
from forecasting.settings import load_settings
from forecasting.stores.registry.aliases import heal
from forecasting.stores.registry.versions import connect, list_models


def main() -> int:
    """Heal every model; one that fails does not keep the others from being healed."""
    settings = load_settings()
    client = connect(settings)
    moved: dict[str, int] = {}
    failed: dict[str, str] = {}
    for model in list_models(client):
        try:
            pointer = heal(client, settings, model)
        except GatecastError as error:
            failed[model] = str(error)
        else:
            if pointer is not None:
                moved[model] = pointer.version
    sys.stdout.write(json.dumps({"moved": moved, "failed": failed}) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
