"""Random search, keras-tuner's with its faults mended."""

from keras_tuner.oracles import RandomSearchOracle

from tuning.oracles.reliable import Reliable


class RandomOracle(Reliable, RandomSearchOracle):
    """Draws every hyperparameter of every trial independently, on its scale.

    With the same budget it tries far more distinct values of an important hyperparameter than a
    grid. Trial n is a function of the seed and n alone, except that draws which repeat an earlier
    trial are drawn anew; a discrete space is covered completely.

    Args:
        objective: str or `keras_tuner.Objective`, as keras-tuner takes it.
        **arguments: what else keras-tuner's oracle takes, `max_trials` (default 10) among them;
            `seed` as in `Reliable`.

    Reference:
        J. Bergstra, Y. Bengio, Random Search for Hyper-Parameter Optimization, JMLR 13, 2012.
    """
