"""What of the benchmark runs, and how long."""

import dataclasses
from typing import Annotated, Literal

import tyro

from benchmarks.counts import check_at_least

Section = Literal["rivals", "default_space", "scale", "target"]
ALL = ("rivals", "default_space", "scale", "target")


@dataclasses.dataclass(frozen=True)
class Settings:
    """Which sections run, and of what size."""

    sections: Annotated[tuple[Section, ...], tyro.conf.Positional] = ALL
    """Which tables are made; all by default."""
    epochs: int = 20
    """Epochs of a trial."""
    rounds: int = 3
    """How often all contenders of rivals and default_space take their turns."""
    fit_trials: int = 12
    """Trials of keras-tuner and of the loop of fit, all rounds together: they take seconds each."""
    trials: tuple[int, ...] = (64, 256, 1000)
    """Trials of ours in rivals and default_space."""
    compiled_trials: tuple[int, ...] = (64, 256)
    """Trials of the compiled loop and of JAX there."""
    limit_seconds: float = 0.5
    """How long each way of multiplying matrices is timed."""
    warm_up: bool = True
    """Whether a trial of one epoch precedes a contender's first turn."""
    scale_trials: tuple[int, ...] = (64, 256, 1024, 4096)
    """Trials in scale, each number in a process of its own."""
    seeds: int = 5
    """Searches of each contender in target."""
    target_trials: int = 64
    """Random trials of keras-tuner whose best score is the target."""
    our_strategies: tuple[str, ...] = ("random", "coarse-to-fine", "hyperband")
    """Strategies of `recipes.search` that ours searches with in target."""
    our_trials: int = 256
    """Trials of each of our searches in target."""
    patience: float = 2.0
    """A contender of target gives up after so many times the seconds of these random trials."""
    quick: bool = False
    """Only whether everything runs: everything tiny, its numbers mean nothing."""

    def __post_init__(self):
        names = "epochs", "rounds", "trials", "compiled_trials", "scale_trials", "seeds"
        names += "target_trials", "our_trials"
        check_at_least(1, **{name: getattr(self, name) for name in names})
        check_at_least(self.rounds, fit_trials=self.fit_trials)
        check_at_least(0.01, limit_seconds=self.limit_seconds)
        check_at_least(0, patience=self.patience)

    def resized(self):
        """The settings that count: tiny ones if it is to be quick."""
        return dataclasses.replace(QUICK, sections=self.sections) if self.quick else self


QUICK = Settings(
    epochs=1,
    rounds=1,
    fit_trials=1,
    trials=(2,),
    compiled_trials=(2,),
    limit_seconds=0.01,
    warm_up=False,
    scale_trials=(2,),
    seeds=1,
    target_trials=1,
    our_strategies=("random",),
    our_trials=4,
    patience=0.0,
    quick=True,
)
