"""What the turns of a contender came to."""

import dataclasses
import math
import statistics

KERAS_TUNER = "keras-tuner RandomSearch"
FIT = "loop of fit"
ONE_BY_ONE = "one compiled epoch, one by one"
JAX = "JAX vmap, by hand"
OURS = "ours"


@dataclasses.dataclass(frozen=True)
class Turn:
    """One turn of a contender; it crosses the border between processes."""

    seconds: float
    """Seconds a trial."""
    scores: list
    """Best validation accuracy of each trial; None or NaN if it diverged."""
    phases: dict = dataclasses.field(default_factory=dict)
    """Seconds of each of ours' phases, all trials together."""
    ahead: dict = dataclasses.field(default_factory=dict)
    """The same of the thread that prepares the next stack meanwhile."""


@dataclasses.dataclass
class Measured:
    """All turns of a contender with one number of trials."""

    turns: list = dataclasses.field(default_factory=list)
    """`Turn` of each round."""

    @property
    def seconds(self):
        """Seconds a trial of each turn."""
        return [turn.seconds for turn in self.turns]

    @property
    def median(self):
        """Median seconds a trial."""
        return statistics.median(self.seconds)

    @property
    def accuracy(self):
        """Median of the trials' best accuracies; one that diverged counts as 0."""
        scores = [score for turn in self.turns for score in turn.scores]
        is_number = [score is not None and not math.isnan(score) for score in scores]
        return statistics.median(s if n else 0.0 for s, n in zip(scores, is_number, strict=True))

    def phase(self, name, ahead=False):
        """Median seconds of a phase, all trials together."""
        return statistics.median(
            (turn.ahead if ahead else turn.phases).get(name, 0.0) for turn in self.turns
        )

    def times(self, other):
        """How many times another's seconds its own are: median over the rounds."""
        pairs = zip(self.seconds, other.seconds, strict=True)
        return statistics.median(own / theirs for own, theirs in pairs)
