"""Two promoters and one reader race on one store; print every outcome.

Run as a script, so that MLflow is loaded once and each racer is a process of its own:
`racing_promoters.py HOME GRAPH WEIGHTS CARD ROUNDS [TRACKING]`. The store in HOME is migrated and
empty, or that at the address TRACKING is empty; CARD is the JSON of a model's card. In each round
both promoters read who is champion, wait for each other, and promote a version of their own against
it. Prints one object: per promoter its outcome in each round ("won", or the code of the
refusal), what the reader saw missing, the champion, the previous one and the published version at
the end.
"""

import json
import multiprocessing
import sys
import time
from pathlib import Path

from forecasting.errors import GatecastError
from forecasting.settings import load_settings
from forecasting.stores.published import ModelCard, read_pointer
from forecasting.stores.registry.aliases import (
    CHAMPION,
    PREVIOUS,
    Move,
    alias_of,
    promote,
)
from forecasting.stores.registry.store import artifact_root
from forecasting.stores.registry.versions import Registration, connect, register

MODEL = "climate-oslo"
FORK = multiprocessing.get_context("fork")
PATIENCE = 120

#: Each racer's own versions; it promotes the one that is not champion, so that every win moves it.
VERSIONS = ((2, 3), (4, 5))


def add_versions(settings, graph, weights, card):
    """Register five versions and make the first champion; in a child, as a store is not forked."""
    client = connect(settings)
    experiment = client.create_experiment(
        "race", artifact_location=artifact_root(settings).as_uri()
    )
    card = {**card, "model": MODEL, "run_id": client.create_run(experiment).info.run_id}
    for _ in range(5):
        register(
            client,
            graph=graph,
            weights=weights,
            card=ModelCard(**card),
            registration=Registration(description="", tags={}),
        )
    move = Move(model=MODEL, version=1, judged_against=None, who="start", why="first")
    promote(client, settings, move)


def race(settings, versions, rounds, barrier, outcomes):
    """Promote round by round; the loser of a round is told so by a code."""
    client = connect(settings)
    for number in range(rounds):
        barrier.wait(PATIENCE)
        against = alias_of(client, MODEL, CHAMPION)
        barrier.wait(PATIENCE)
        version = versions[against == versions[0]]
        move = Move(
            model=MODEL, version=version, judged_against=against, who="racer", why=str(number)
        )
        try:
            promote(client, settings, move)
        except GatecastError as error:
            outcomes.put((number, error.code))
        else:
            outcomes.put((number, "won"))


def watch(settings, over, seen):
    """Read alias and pointer over and over; report how often either was missing."""
    client = connect(settings)
    looks = missing = 0
    while not over.is_set():
        looks += 1
        missing += alias_of(client, MODEL, CHAMPION) is None
        missing += read_pointer(settings.root, MODEL).version not in range(1, 6)
        time.sleep(0.01)
    seen.put({"looks": looks, "missing": missing})


def started(work, *arguments):
    child = FORK.Process(target=work, args=arguments)
    child.start()
    return child


def main(home, graph, weights, card, rounds, tracking=""):
    settings, rounds = load_settings(home=Path(home), tracking_uri=tracking), int(rounds)
    started(add_versions, settings, Path(graph), Path(weights), json.loads(card)).join()
    barrier, over = FORK.Barrier(2), FORK.Event()
    outcomes, seen = FORK.Queue(), FORK.Queue()
    reader = started(watch, settings, over, seen)
    racers = [started(race, settings, own, rounds, barrier, outcomes) for own in VERSIONS]
    told = [outcomes.get(timeout=PATIENCE) for _ in range(2 * rounds)]
    over.set()
    found = {
        "reader": seen.get(timeout=PATIENCE),
        "ended": [child.join() or child.exitcode for child in (*racers, reader)],
        "rounds": [
            sorted(said for number, said in told if number == each) for each in range(rounds)
        ],
    }
    client = connect(settings)
    found["champion"] = alias_of(client, MODEL, CHAMPION)
    found["previous"] = alias_of(client, MODEL, PREVIOUS)
    found["published"] = read_pointer(settings.root, MODEL).version
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
