"""One trial: a home as it was, a retraining with a fault in it, a look, a rerun, a look again."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults import plain, soundness
from tests.faults.forks import Attend, Ended, forked
from tests.faults.home import CHAMPION, MODEL, Start


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is done to a retraining: a name for the report, and how.

    `text` goes into the environment, `attend` looks at the process from outside before it begins.
    """

    part: str
    name: str
    text: str = ""
    attend: Attend | None = None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What came of it: lost where there is a complaint; `reached` says that the fault happened."""

    part: str
    name: str
    ended: str
    reached: bool
    complaints: list[str] = field(default_factory=list)

    @property
    def lost(self) -> bool:
        """Whether anything was."""
        return bool(self.complaints)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A place for trials, one after the other: a home at one path, and what it should come to.

    Args:
        start: the home as it was, and the dataset.
        healing: whether what the API's child does is done after the rerun; only a test that
            wants to see something lost leaves it out.
        spoil: is called with the home after the fault; for such a test as well.
    """

    start: Start
    healing: bool = True
    spoil: Callable[[Path], None] | None = None

    @property
    def home(self) -> Path:
        """The home of all trials."""
        return self.start.home

    @property
    def log(self) -> Path:
        """What the trial's processes wrote."""
        return self.start.folder / "trial.log"

    def retrain(self) -> dict[str, Any]:
        """Run the retraining here; returns the part of the decision that is compared."""
        decision = plain.retrain(self.start.dataset)
        return {"promoted": decision["promoted"], "version": decision["version"]}

    def undisturbed(self, *, fault: str = "", attend: Attend | None = None) -> dict[str, Any]:
        """Retrain without a fault, perhaps watched; returns what a look finds then.

        With it `imported`: the modules that the retraining and the look have loaded.
        """
        self.begin()
        ended = forked(self.retrain, self.log, fault=fault, attend=attend)
        if ended.answer is None or not ended.answer["promoted"]:
            raise RuntimeError(f"the undisturbed retraining failed: {ended} (see {self.log})")
        found = self.looked(follow=True)
        if found["complaints"] or found["champion"] == CHAMPION:
            raise RuntimeError(f"the undisturbed retraining left {found}")
        return {**found, "imported": ended.imported + found["imported"]}

    def begin(self) -> None:
        """Lay the home out as it was, and name it to every fork."""
        self.start.renew()
        self.log.unlink(missing_ok=True)
        os.environ["GATECAST_HOME"] = str(self.home)

    def looked(self, *, follow: bool) -> dict[str, Any]:
        """Look at the home in a fork, after what the API's child does where that is wanted."""

        def work() -> dict[str, Any]:
            if follow:
                soundness.follow(self.home)
            return soundness.look(self.home)

        ended = forked(work, self.log)
        if ended.answer is None:
            return {"complaints": [f"a look failed: {ended.refused or ended.broke or ended.code}"]}
        return {**ended.answer, "imported": ended.imported}

    def tried(self, fault: Fault, wanted: dict[str, Any]) -> Trial:
        """Do one trial and hold what is found against the undisturbed run."""
        self.begin()
        ended = forked(self.retrain, self.log, fault=fault.text, attend=fault.attend)
        if self.spoil is not None:
            self.spoil(self.home)
        complaints = unclear(ended)
        complaints += [f"after the fault: {each}" for each in old_or_new(self, wanted)]
        kept = wanted["kept"]
        complaints += [f"after the fault: {each}" for each in soundness.forgotten(self.home, kept)]
        again = forked(self.retrain, self.log)
        if again.answer is None:
            said = again.refused or again.broke or again.code
            complaints.append(f"the rerun did not end: {said}")
        found = self.looked(follow=self.healing)
        complaints += [f"after the rerun: {each}" for each in compared(found, wanted)]
        complaints += [f"after the rerun: {each}" for each in soundness.forgotten(self.home, kept)]
        if complaints:
            self.keep(fault)
        return Trial(
            part=fault.part,
            name=fault.name,
            ended=said_of(ended),
            reached=ended.killed or ended.answer is None,
            complaints=complaints,
        )

    def keep(self, fault: Fault) -> None:
        """Keep the home and the words of a trial in which something was lost."""
        place = self.start.folder / "lost" / fault.name.replace("/", "_")
        shutil.copytree(self.home, place, dirs_exist_ok=True)
        shutil.copyfile(self.log, place / "trial.log")


def unclear(ended: Ended) -> list[str]:
    """Complain of an end that is neither a kill, nor a refusal with a code, nor a success."""
    if ended.broke is not None:
        return [f"no clear error: {ended.broke}"]
    return [] if ended.killed or ended.code == 0 else [f"it ended with {ended.code}"]


def said_of(ended: Ended) -> str:
    """Say in a word how a retraining ended."""
    if ended.killed:
        return "killed"
    return ended.refused or ("broke" if ended.broke else "finished")


def old_or_new(bench: Bench, wanted: dict[str, Any]) -> list[str]:
    """Look after the fault: sound, and the old champion or the new one, never anything else."""
    found = bench.looked(follow=False)
    complaints = list(found["complaints"])
    for which in ("weights", "served"):
        if found.get(which) not in (wanted[which], wanted["old"]) and not complaints:
            complaints.append(f"{which}: {found.get(which)} of {MODEL}")
    return complaints


def compared(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Hold the end against the undisturbed run: the same weights named, published and served."""
    complaints = list(found["complaints"])
    if complaints:
        return complaints
    complaints += [
        f"{which} are not those of the undisturbed run"
        for which in ("weights", "served")
        if found[which] != wanted[which]
    ]
    complaints += [
        f"{found[which]} is {which}, {found['champion']} is champion"
        for which in ("published", "logged")
        if found[which] != found["champion"]
    ]
    complaints += found["undecided"]
    return complaints
