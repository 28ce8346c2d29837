import keras
import numpy as np
import tensorflow as tf

from layers import BatchNorm, SoftmaxCrossEntropy, SoftmaxHead
from recipes.ingredients.claims import SideBySide


def classifier(rate):
    layers = [keras.layers.Dense(5, use_bias=False), BatchNorm(), keras.layers.Activation("tanh")]
    model = keras.Sequential([keras.Input((4,)), *layers, SoftmaxHead(3)])
    model.compile(keras.optimizers.SGD(rate, 0.9), SoftmaxCrossEntropy(), jit_compile=True)
    return model


class SideBySideTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        draw = np.random.default_rng(0)
        self.x, self.y = draw.normal(size=(30, 4)).astype("float32"), draw.integers(0, 3, 30)

    def test_models_are_trained_as_fit_would_on_the_same_batches(self):
        models = [classifier(0.1), classifier(0.01)]
        first = [model.get_weights() for model in models]
        together = SideBySide(self.x, self.y, validation=(self.x, self.y), batch_size=8)
        looks = list(together.train(models, looks=3, every=2, seed=5))
        self.assertEqual([step for step, _, _ in looks], [2, 4, 6])
        _, logs, stack = looks[-1]
        for place, model in enumerate(models):
            ours = stack.write_back(place).get_weights()
            model.set_weights(first[place])
            model.optimizer = keras.optimizers.SGD(0.1 if place == 0 else 0.01, 0.9)
            for epoch in range(2):
                order = np.random.default_rng([5, epoch]).permutation(30)[:24]
                model.fit(self.x[order], self.y[order], batch_size=8, shuffle=False, verbose=0)
            loss = model.evaluate(self.x, self.y, verbose=0)
            self.assertAllClose(logs["val_loss"][place], loss, rtol=1e-4)
            for own, alone in zip(ours, model.get_weights(), strict=True):
                self.assertAllClose(own, alone, atol=1e-5)

    def test_curves_have_a_point_each_time_for_each_model(self):
        curves = SideBySide(self.x, self.y, batch_size=8).curves([classifier(0.1)] * 2, 3, 2)
        self.assertEqual(curves["loss"].shape, (3, 2))

    def test_models_of_two_programs_are_refused(self):
        other = keras.Sequential([keras.Input((4,)), SoftmaxHead(3)])
        other.compile("sgd", SoftmaxCrossEntropy())
        with self.assertRaisesRegex(ValueError, "one program"):
            SideBySide(self.x, self.y).curves([classifier(0.1), other], 2, 1)


if __name__ == "__main__":
    tf.test.main()
