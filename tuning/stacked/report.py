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

    def add(self, way, reason=""):
        """Counts one trial."""
        self.ways[way] += 1
        if reason:
            self.reasons[reason] += 1

    def add_all(self, other):
        """Counts the trials of another `Report`."""
        self.ways += other.ways
        self.reasons += other.reasons

    def __str__(self):
        """One sentence, e.g. `250 trials stacked, 6 by fit (an optimiser of its own: 6)`."""
        if not self.ways:
            return "no trial was trained"
        names = {STACKED: "stacked", ONE_PROGRAM: "one after another in one program", FIT: "by fit"}
        ways = [f"{self.ways[way]} {name}" for way, name in names.items() if self.ways[way]]
        reasons = "; ".join(f"{reason}: {count}" for reason, count in self.reasons.most_common())
        return "trials trained: " + ", ".join(ways) + (f" ({reasons})" if reasons else "")
