"""Data: read from wherever they are, split, and encoded by a model that is saved along.

One way through it: `kinds` tells what is meant, a reader (`shipped`, `tables`, `arrays`, `images`)
makes a `Source` of it, `split` cuts it in three, `encoder` turns raw inputs into numbers, and
`dataset` joins these. `new_inputs` reads what a saved model shall predict.
"""

from recipes.ingredients.data.dataset import Dataset, load
from recipes.ingredients.data.encoder import join_encoder
from recipes.ingredients.data.new_inputs import read_inputs
from recipes.ingredients.data.settings import DataSettings
from recipes.ingredients.data.source import Examples

__all__ = ["DataSettings", "Dataset", "Examples", "join_encoder", "load", "read_inputs"]
