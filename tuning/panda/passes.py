"""The order in which an experiment goes through the examples."""

import numpy as np


def passes(data, seed, examples):
    """Numbers of examples, one shuffled pass over the data after another.

    Args:
        data: `Data`.
        seed: Integer, 0 or more; pass p is in the order `data.order(True, seed, p)`.
        examples: How many to return.

    Returns:
        `(examples,)` int32.
    """
    needed = range(-(-examples // data.examples))
    orders = [data.order(True, seed, number) for number in needed]
    return np.concatenate(orders)[:examples].astype(np.int32)
