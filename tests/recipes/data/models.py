"""Saved models' stand-ins: encoders joined to nothing more than themselves."""

import keras

from recipes.ingredients.data import DataSettings, join_encoder, load


def joined_model(**settings):
    """A model from raw inputs to features: what `read_inputs` reads is its inputs only."""
    encoder = load(DataSettings(**settings)).encoder
    features = keras.Input(encoder.output_shape[1:])
    return join_encoder(encoder, keras.Model(features, keras.layers.Identity()(features)))
