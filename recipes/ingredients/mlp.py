"""The multi-layer perceptron: dense hidden layers, batch norm before each activation, softmax."""

import keras

from layers import BatchNorm, SoftmaxHead


def mlp(input_shape, class_names, *, hidden_units, hidden_layers, use_batch_norm, dropout=None):
    """Builds a classifier of dense layers; z = W a, BatchNorm(z), ReLU, and a SoftmaxHead.

    The bias is left out where batch norm follows: the subtraction of the mean would cancel it.

    Args:
        input_shape: Shape of one example; flattened.
        class_names: Name of each class, class 0 first.
        hidden_units: Units of each hidden layer, 1 or more.
        hidden_layers: Number of hidden layers, 0 or more (0: softmax regression).
        use_batch_norm: Whether each hidden layer normalises its z.
        dropout: Share of each hidden layer's activations that training sets to zero, in [0, 1);
            None leaves the layers that do so out.

    Returns:
        An uncompiled `keras.Model` from `(batch, *input_shape)` to `(batch, classes)`.
    """
    inputs = keras.Input(input_shape)
    a = keras.layers.Flatten()(inputs) if len(input_shape) > 1 else inputs
    for _ in range(hidden_layers):
        a = keras.layers.Dense(hidden_units, use_bias=not use_batch_norm)(a)
        a = BatchNorm(momentum=0.9, debias=True)(a) if use_batch_norm else a
        a = keras.layers.ReLU()(a)
        a = a if dropout is None else keras.layers.Dropout(dropout)(a)
    outputs = SoftmaxHead(len(class_names), class_names=class_names)(a)
    return keras.Model(inputs, outputs, name="mlp")
