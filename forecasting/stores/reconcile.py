"""Run as a short-lived process: make every published pointer follow the registry's champion.

The API process spawns this when the store has changed, so that MLflow stays out of it.
Prints one JSON object: when it asked, the models whose pointer moved, those that could not be
followed, and the published versions that the registry no longer has: those stay, as the last
known good.
"""

import json
import sys
import time

from forecasting.errors import GatecastError
from forecasting.settings import load_settings
from forecasting.stores.published import is_ours
from forecasting.stores.registry.aliases import heal
from forecasting.stores.registry.deletions import deleted_versions
from forecasting.stores.registry.versions import connect, list_models


def main() -> int:
    """Heal every model; one that fails does not keep the others from being healed."""
    settings = load_settings()
    client = connect(settings)
    asked = time.time()
    moved: dict[str, int] = {}
    failed: dict[str, str] = {}
    for model in filter(is_ours, list_models(client)):
        try:
            pointer = heal(client, settings, model)
        except GatecastError as error:
            failed[model] = str(error)
        else:
            if pointer is not None:
                moved[model] = pointer.version
    report = {
        "asked": asked,
        "moved": moved,
        "failed": failed,
        "deleted": deleted_versions(client, settings.root),
    }
    sys.stdout.write(json.dumps(report) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
