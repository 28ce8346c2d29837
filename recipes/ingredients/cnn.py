"""The small convolutional network: 3 x 3 convolutions, batch norm, pooling, softmax."""

import keras

from layers import BatchNorm, SoftmaxHead


def cnn(input_shape, class_names, *, hidden_units, hidden_layers, use_batch_norm, dropout=None):
    """Builds a classifier of convolutions; each halves the image while it has 4 pixels a side.

    Args:
        input_shape: `(height, width, channels)` of one image.
        class_names: Name of each class, class 0 first.
        hidden_units: Filters of each convolution, 1 or more.
        hidden_layers: Number of convolutions, 0 or more.
        use_batch_norm: Whether each convolution normalises its z, a filter at a time.
        dropout: Share of each hidden layer's activations that training sets to zero, in [0, 1);
            None leaves the layers that do so out.

    Returns:
        An uncompiled `keras.Model` from `(batch, height, width, channels)` to `(batch, classes)`.
    """
    inputs = keras.Input(input_shape)
    a = inputs
    for _ in range(hidden_layers):
        a = keras.layers.Conv2D(hidden_units, 3, padding="same", use_bias=not use_batch_norm)(a)
        a = BatchNorm(momentum=0.9, debias=True)(a) if use_batch_norm else a
        a = keras.layers.ReLU()(a)
        a = a if dropout is None else keras.layers.Dropout(dropout)(a)
        if min(a.shape[1:3]) >= 4:
            a = keras.layers.MaxPooling2D()(a)
    outputs = SoftmaxHead(len(class_names), class_names=class_names)(keras.layers.Flatten()(a))
    return keras.Model(inputs, outputs, name="cnn")
