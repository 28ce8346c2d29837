"""What the turns of a contender came to."""

import dataclasses
import math
import statistics

KERAS_TUNER = "keras-tuner RandomSearch"
FIT = "loop of fit"
ONE_BY_ONE = "one compiled epoch, one by one"
JAX = "JAX vmap, by hand"
OURS = "ours"


@dataclasses.dataclass
class Measured:
    """The turns of one contender with one number of trials."""

    seconds: list = dataclasses.field(default_factory=list)
    """Seconds a trial of each turn."""
    scores: list = dataclasses.field(default_factory=list)
    """Best validation accuracy of every trial; None or NaN if it diverged."""
    phases: list = dataclasses.field(default_factory=list)
    """`Phases` of each turn."""
    trials: int = 0
    """Trials of all turns."""

    def add(self, seconds, scores, phases):
        """Adds a turn that took so many seconds in all."""
        self.seconds.append(seconds / len(scores))
        self.scores += scores
        self.phases.append(phases)
        self.trials += len(scores)

    @property
    def median(self):
        """Median seconds a trial."""
        return statistics.median(self.seconds)

    @property
    def accuracy(self):
        """Median of the trials' best accuracies; one that diverged counts as 0."""
        return statistics.median(
            0.0 if score is None or math.isnan(score) else score for score in self.scores
        )

    def times(self, other):
        """How many times another's seconds its own are: median over the turns."""
        pairs = zip(self.seconds, other.seconds, strict=True)
        return statistics.median(own / theirs for own, theirs in pairs)
