"""The data of a claim's trainings."""

from recipes.ingredients.data import load
from recipes.ingredients.data.dataset import PARTS


def flat_examples(settings):
    """Features, each of mean 0 and deviation 1 over all or over its column, and classes.

    Args:
        settings: `DataSettings`.

    Returns:
        `{"train": (x, labels), "validation": ..., "test": ...}`; `x` is float32 of shape
        `(examples, features)`, images flattened.
    """
    data = load(settings)
    features = data.encoded_parts()
    return {
        part: (features[part].reshape(len(features[part]), -1), getattr(data, part).labels)
        for part in PARTS
    }
