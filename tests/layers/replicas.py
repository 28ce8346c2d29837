"""Trains BatchNorm on two virtual CPUs and on one; run by test_batch_norm_modes."""

import keras
import numpy as np
import tensorflow as tf

from layers import BatchNorm, SoftmaxCrossEntropy, SoftmaxHead


def trained(layer, inputs, labels):
    """The weights of a small model after three steps."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(4, use_bias=False), layer, SoftmaxHead(3)]
    model = keras.Sequential([keras.Input((5,)), *layers])
    model.compile(keras.optimizers.SGD(0.1), SoftmaxCrossEntropy())
    model.fit(inputs, labels, batch_size=16, epochs=3, shuffle=False, verbose=0)
    return model.get_weights()


def main():
    """Asserts what synchronised and separate replicas do."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    draw = np.random.default_rng(0)
    inputs = draw.normal(100, 2, (16, 5)) + np.arange(16)[:, None]
    labels = np.arange(16) % 3

    expected = trained(BatchNorm(momentum=0.5, debias=True), inputs, labels)
    with strategy.scope():
        together = trained(BatchNorm(momentum=0.5, debias=True, synchronized=True), inputs, labels)
    for got, want in zip(together, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4)

    @tf.function
    def step(layer, masked):
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        rows = tf.gather(tf.constant([[1.0], [3.0], [11.0], [15.0]]), tf.range(2) + 2 * replica)
        return layer(rows, training=True, mask=rows[:, 0] < 15 if masked else None)

    for synchronized, masked, mean, variance in (
        (True, False, 7.5, 32.75),
        (True, True, 5.0, 56 / 3),
        (False, False, 7.5, 2.5),  # the mean of the replicas' variances, 1 and 4
    ):
        with strategy.scope():
            layer = BatchNorm(momentum=0.0, synchronized=synchronized)
            layer.build((None, 1))
        strategy.run(step, args=(layer, masked))
        np.testing.assert_allclose(layer.moving_mean.numpy(), [mean], rtol=1e-6)
        np.testing.assert_allclose(layer.moving_variance.numpy(), [variance], rtol=1e-6)


if __name__ == "__main__":
    main()
