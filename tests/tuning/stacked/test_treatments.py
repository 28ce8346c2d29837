"""What is found out about a layer, by trying it."""

import keras
import tensorflow as tf
from absl.testing import parameterized

from layers import BatchNorm, SoftmaxHead
from tuning.stacked.graph import graph_of
from tuning.stacked.treatments import Treatment, Treatments

L = keras.layers
IMAGE = 6, 6, 4


def doubled(inputs):
    return L.Concatenate()([inputs, inputs])


class TreatmentsTest(tf.test.TestCase, parameterized.TestCase):
    def treatment_of(self, call, shape):
        inputs = keras.Input(shape)
        graph = graph_of(keras.Model(inputs, call(L.Dense(4, name="before")(inputs))))
        return Treatments().of(graph[-1], graph)

    @parameterized.named_parameters(
        ("relu", L.ReLU(), (5,)),
        ("sigmoid", L.Activation("sigmoid"), (5,)),
        ("leaky", L.LeakyReLU(), (5,)),
        ("prelu", L.PReLU(), (5,)),
        ("dropout", L.Dropout(0.5), (5,)),
        ("spatial_dropout", L.SpatialDropout2D(0.5), IMAGE),
        ("noise", L.GaussianNoise(0.5), (5,)),
        ("ours", BatchNorm(debias=True), (5,)),
        ("keras", L.BatchNormalization(), IMAGE),
        ("max_pooling", L.MaxPooling2D(), IMAGE),
        ("average_pooling", L.AveragePooling2D(2), IMAGE),
        ("global_pooling", L.GlobalMaxPooling2D(), IMAGE),
        ("zeros", L.ZeroPadding2D(), IMAGE),
        ("depthwise", L.Rescaling(0.5), IMAGE),
    )
    def test_keeps_channels_apart(self, layer, shape):
        self.assertEqual(self.treatment_of(layer, shape), Treatment("channels"))

    @parameterized.named_parameters(
        ("dense", L.Dense(3), (5,), "units"),
        ("dense_relu", L.Dense(3, activation="relu"), (5,), "units"),
        ("dense_zeros", L.Dense(3, kernel_initializer="zeros"), (5,), "units"),
        ("dense_on_images", L.Dense(3), IMAGE, "units"),
        ("dense_softmax", L.Dense(3, activation="softmax"), (5,), None),
        ("head", SoftmaxHead(3), (5,), None),
        ("convolution", L.Conv2D(3, 2), IMAGE, "filters"),
        ("convolution_1", L.Conv1D(3, 2), (5, 4), "filters"),
        ("lstm", L.LSTM(3, dropout=0.5, recurrent_dropout=0.5), (5, 4), "units"),
        ("lstm_sequences", L.LSTM(3, return_sequences=True), (None, 4), "units"),
        ("lstm_softmax", L.LSTM(3, activation="softmax"), (5, 4), None),
        ("gru", L.GRU(3), (5, 4), "units"),
        ("simple_recurrent", L.SimpleRNN(3, unroll=True), (5, 4), "units"),
        ("recurrent_convolution", L.ConvLSTM1D(3, 2), (5, 6, 4), "filters"),
    )
    def test_reads_through_its_kernel(self, layer, shape, width):
        self.assertEqual(self.treatment_of(layer, shape), Treatment("kernel", width))

    @parameterized.named_parameters(
        ("layer_normalization", L.LayerNormalization(), (5,)),
        ("group_normalization", L.GroupNormalization(1), IMAGE),
        ("unit_normalization", L.UnitNormalization(), (5,)),
        ("softmax", L.Softmax(), (5,)),
        ("softmax_activation", L.Activation("softmax"), (5,)),
        ("other_axis", BatchNorm(axis=1), IMAGE),
        ("both_ways", L.Bidirectional(L.LSTM(3)), (5, 4)),
        ("grouped", L.Conv2D(4, 2, groups=2), IMAGE),
        ("transposed", L.Conv2DTranspose(4, 2), IMAGE),
        ("reshaped", L.Reshape((2, 2)), (5,)),
        ("permuted", L.Permute((2, 1)), (4, 4)),
    )
    def test_may_not_be_padded(self, layer, shape):
        self.assertEqual(self.treatment_of(layer, shape).reads, "all")

    def test_joins(self):
        self.assertEqual(self.treatment_of(doubled, (5,)).reads, "concatenate")
        self.assertEqual(self.treatment_of(L.Flatten(), IMAGE).reads, "flatten")
        self.assertEqual(self.treatment_of(lambda a: L.Multiply()([a, a]), (5,)).reads, "channels")
        self.assertEqual(self.treatment_of(lambda a: a + 1.0, (5,)).reads, "all")

    def test_a_layer_that_is_called_twice_may_not_be_padded(self):
        twice = L.Dense(4)
        self.assertEqual(self.treatment_of(lambda a: twice(twice(a)), (5,)).reads, "all")


if __name__ == "__main__":
    tf.test.main()
