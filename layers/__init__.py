"""Keras layers, each usable in anybody's model; they know nothing of tuning or of recipes."""
