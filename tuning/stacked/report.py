"""How the trials of a search were trained, and why not otherwise."""

import collections
import dataclasses

STACKED, ONE_PROGRAM, FIT = "stacked", "one program", "fit"


@dataclasses.dataclass
class Report:
    """Counts the ways in which trials were trained."""

    ways: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    """`{way: trials}`: `stacked`, `one program` (one after another, traced once) or `fit`."""
    reasons: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    """`{why a trial was not stacked: trials}`."""
    programs: collections.Counter = dataclasses.field(
        default_factory=collections.Counter, compare=False
    )
    """`{(way, name of a program): trials that it trained}`; their names are made up."""

    def add(self, way, reason="", program=None):
        """Counts one trial.

        Args:
            way: `STACKED`, `ONE_PROGRAM` or `FIT`.
            reason: Why it was not stacked; empty if it was.
            program: Name of the `Program` that trained it, if one did.
        """
        self.ways[way] += 1
        if program:
            self.programs[way, program] += 1
        if reason:
            self.reasons[reason] += 1

    def add_all(self, other):
        """Counts the trials of another `Report`."""
        self.ways += other.ways
        self.reasons += other.reasons
        self.programs += other.programs

    def __str__(self):
        """One line: `trials trained: 250 stacked (3 programs), 6 by fit (it is shy: 6)`."""
        if not self.ways:
            return "no trial was trained"
        names = {STACKED: "stacked", ONE_PROGRAM: "one after another", FIT: "by fit"}
        ways = [
            f"{self.ways[way]} {name}{self._programs_of(way)}"
            for way, name in names.items()
            if self.ways[way]
        ]
        reasons = "; ".join(f"{reason}: {count}" for reason, count in self.reasons.most_common())
        return "trials trained: " + ", ".join(ways) + (f" ({reasons})" if reasons else "")

    def _programs_of(self, way):
        count = sum(way == own for own, _ in self.programs)
        return f" ({count} program{'s' * (count > 1)})" if count else ""
