"""Numbers of layers, losses and metrics that are another one in each trial of a stack."""

import gc

import keras
import keras_tuner
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from layers import BatchNorm
from tests.tuning.stacked.side_by_side import (
    examples,
    fit,
    orders,
    relative,
    stacked,
    train_both_ways,
)
from tuning import StackedTuner
from tuning.oracles import RandomOracle
from tuning.stacked import Data, Grouping, Stack, check_first_batch
from tuning.stacked.trial_state import variable_of

TOLERANCE = 1e-4  # of the distance travelled


def model(width, *layers, loss="mse", outputs=1, optimizer=None, **compiled):
    inputs = keras.Input((6,))
    hidden = keras.layers.Dense(width, kernel_constraint=compiled.pop("constraint", None))(inputs)
    for layer in layers:
        hidden = layer(hidden)
    hidden = keras.layers.Activation("tanh")(hidden)
    ends = [keras.layers.Dense(1, name=f"end_{number}")(hidden) for number in range(outputs)]
    made = keras.Model(inputs, ends[0] if outputs == 1 else ends)
    optimizer = optimizer or keras.optimizers.SGD(0.01)
    made.compile(optimizer, loss, jit_compile=False, **compiled)
    return made


class Focal(keras.Loss):
    """As people write it: no `get_config`."""

    def __init__(self, gamma):
        super().__init__()
        self.gamma = gamma

    def call(self, y_true, y_pred):
        hit = keras.ops.sigmoid(y_pred * (2 * keras.ops.cast(y_true > 0, "float32") - 1))
        return -keras.ops.mean((1 - hit) ** self.gamma * keras.ops.log(hit), axis=-1)


class Warmth(keras.layers.Layer):
    """Computes with a number that its constructor made of its argument."""

    def __init__(self, warmth, **kwargs):
        super().__init__(**kwargs)
        self.warmth, self.factor = warmth, 1 / warmth

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return super().get_config() | {"warmth": self.warmth}


class Branching(keras.layers.Layer):
    """Its graph depends on its number."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def call(self, inputs):
        return inputs + self.number if self.number > 0.5 else inputs * self.number

    def get_config(self):
        return {"number": self.number}


class Prepared(keras.layers.Layer):
    """Its number is in a tensor that was made before any graph."""

    def __init__(self, number):
        super().__init__()
        self._hidden = {"tensor": tf.constant(number)}

    def call(self, inputs):
        return inputs * self._hidden["tensor"]

    def get_config(self):
        return {"number": float(self._hidden["tensor"])}


class Looping(keras.layers.Layer):
    """Its number is in a function of the graph."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def call(self, inputs):
        def body(step, hidden):
            return step + 1, hidden * self.number

        return tf.while_loop(lambda step, _: step < 2, body, (0, inputs))[1]

    def get_config(self):
        return {"number": self.number}


class OneHot(keras.layers.Layer):
    """The vectoriser takes its number as a constant only."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def call(self, inputs):
        places = tf.cast(inputs[:, 0] > 0, tf.int32)
        return inputs * tf.one_hot(places, 4, on_value=self.number, off_value=1.0)

    def get_config(self):
        return {"number": self.number}


class Kept(keras.layers.Layer):
    """Its number is in a variable of TensorFlow's, beside what it is described by."""

    def __init__(self, number):
        super().__init__()
        self.number, self.kept = number, tf.Variable(number, trainable=False)

    def call(self, inputs):
        return inputs * self.kept

    def get_config(self):
        return {"number": self.number}


class Either(keras.constraints.Constraint):
    """Computes the same for any number, and returns something else."""

    def __init__(self, number):
        self.number = number

    def __call__(self, weight):
        larger, smaller = weight * 1.1, weight * 0.9
        return larger if self.number > 0.5 else smaller


class Average(keras.metrics.Metric):
    """Begins with its number, and returns its variable."""

    def __init__(self, number):
        super().__init__(name="average")
        self.number = number
        self.average = self.add_weight((), "zeros", name="average")

    def update_state(self, y_true, y_pred, sample_weight=None):  # noqa: ARG002
        self.average.assign(0.9 * self.average + keras.ops.mean(y_pred - y_true))

    def result(self):
        return self.average

    def reset_state(self):
        self.average.assign(self.number)


def times(number):
    def multiplied(inputs):
        return inputs * number

    return multiplied


def named_accuracy(number):
    return keras.metrics.BinaryAccuracy(threshold=number, name=f"above_{number}")


def batch_norm(width, number):
    return model(width, keras.layers.BatchNormalization(momentum=number, epsilon=0.1 * number))


def our_batch_norm(width, number):
    return model(width, BatchNorm(momentum=number))


def slopes(width, number):
    return model(width, keras.layers.ELU(number), keras.layers.LeakyReLU(number))


def own_layer(width, number):
    return model(width, Warmth(number))


def own_function(width, number):
    return model(width, keras.layers.Lambda(times(number)))


def own_activation(width, number):
    return model(width, keras.layers.Dense(4, activation=times(number)))


def focal(width, number):
    return model(width, loss=Focal(2 * number))


def huber(width, number):
    return model(width, loss=keras.losses.Huber(number))


def smoothed(width, number):
    return model(width, loss=smoothed_loss(number))


def smoothed_loss(number):
    return keras.losses.BinaryCrossentropy(True, label_smoothing=number)


def constrained(width, number):
    return model(width, constraint=keras.constraints.MaxNorm(number))


def weighted(width, number):
    losses = {"loss": ["mse", "mae"], "loss_weights": [1.0, number]}
    return model(width, outputs=2, **losses)


def measured(width, number):
    metric = keras.metrics.FBetaScore(beta=number, threshold=0.5)
    return model(width, loss=keras.losses.BinaryCrossentropy(True), metrics=[metric])


def noisy(width, number):
    return model(width, keras.layers.GaussianNoise(number), batch_norm_of(number))


def recurrent(width, number, **numbers):
    rows, loss = keras.layers.Reshape((3, -1)), smoothed_loss(number)
    return model(width, rows, keras.layers.LSTM(4, **numbers), batch_norm_of(number), loss=loss)


def forgetful(width, number):
    return recurrent(width, number, dropout=number)


def spatial(width, number):
    rows = keras.layers.Reshape((2, -1))
    return model(width, rows, keras.layers.SpatialDropout1D(number), keras.layers.Flatten())


def batch_norm_of(number):
    return keras.layers.BatchNormalization(momentum=number)


MAKERS = (batch_norm, our_batch_norm, slopes, own_layer, own_function, own_activation, focal)
MAKERS += (huber, smoothed, constrained, weighted, measured)


def data_for(made):
    x, _ = examples()
    y = (x[:, :1] + x[:, 1:2] > 0).astype("float32")
    return x, [y, y] if len(made.outputs) > 1 else y


class ConstantsTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(*MAKERS)
    @pytest.mark.long(but=8)
    def test_each_trial_has_its_own_number(self, maker):
        widths = (6, 6, 6) if maker is own_function else (4, 9, 6)  # it may mix channels
        models = [maker(*each) for each in zip(widths, (0.9, 0.3, 0.5), strict=True)]
        x, y = data_for(models[0])
        eagerly = maker is not weighted  # where Keras weights its outputs' losses otherwise
        how = {"validation": (x, y), "jit_compile": False, "eagerly": eagerly}
        outcome = train_both_ways(models, x, y, 2, **how)
        self.assertIsNone(outcome.objection)
        self.assertAllLess(outcome.differences, TOLERANCE)
        self.assertAllLess(outcome.averages, TOLERANCE)
        for epoch, logs in enumerate(outcome.logs):
            for trial, history in enumerate(outcome.histories):
                for name, values in history.items():
                    self.assertAllClose(logs[name][trial], values[epoch], rtol=1e-4, msg=name)

    @parameterized.parameters(batch_norm, focal, constrained, measured, noisy, spatial)
    def test_another_trials_number_is_noticed(self, maker):
        models = [maker(4, number) for number in (0.9, 0.3)]
        x, y = data_for(models[0])
        ends = []
        for exchanged in (False, True):
            stack = stacked(models, Data(x, y), jit_compile=False)
            self.assertNotEmpty(stack.program.lifted)
            skeletons = [place.skeleton for place in stack._places]
            if exchanged:
                one, other = skeletons
                one.settings, other.settings = other.settings, one.settings
                stack = Stack(stack.program, models, skeletons, 8, Data(x, y), jit_compile=False)
            logs = stack.train_epoch(np.arange(len(x)), seed=3)
            ends.append([*logs.values(), *stack.evaluate(stack.data).values()])
        self.assertNotAllClose(*ends)

    @parameterized.parameters(noisy, spatial)
    def test_random_layers_draw_as_alone_from_one_seed(self, maker):
        x, y = data_for(maker(4, 0.5))
        data = Data(x, y)
        mixed = [maker(width, number) for width, number in ((4, 0.9), (8, 0.3), (8, 0.5))]
        stack = stacked(mixed if maker is noisy else mixed[1:], data)
        skeletons = [place.skeleton for place in stack._places]
        checked = [place.model for place in stack._places]
        self.assertIsNone(check_first_batch(stack.program, checked, skeletons, 8, data))
        models, seed = [maker(4, number) for number in (0.9, 0.3)], 3
        stack, (order,) = stacked(models, data, jit_compile=False), orders(len(x), 1)
        before = stack.states()
        stack.train_epoch(order, seed)
        for trial, model in enumerate(models):
            for i, entry in enumerate(stack.program.template.others):
                if entry.kind == "seed":
                    variable = variable_of(stack.place(trial).skeleton, entry)
                    variable.assign([65537 * seed + i, 0])
            fit(model, x, y, [order])
            ours, first = stack.states()[trial].weights, before[trial].weights
            theirs = [weight.numpy() for weight in model.trainable_variables]
            self.assertLess(relative(ours, theirs, first), TOLERANCE)

    @parameterized.parameters(recurrent, forgetful)
    @pytest.mark.long(but=1)
    def test_one_after_another_each_trial_has_its_own_number_too(self, maker):
        models, seed = [maker(6, number) for number in (0.9, 0.3, 0.5)], 3
        x, y = data_for(models[0])
        data, (order,) = Data(x, y), orders(len(x), 1)
        grouping = Grouping(data)
        (group,), _ = grouping.group(models, [8] * 3)
        programs = set()
        for trial, model in enumerate(models):
            alone = group.part([trial])
            program = grouping.program(alone, vectorized=False)
            programs.add(program)
            self.assertIsNone(grouping.objection(program, alone))
            stack = Stack(program, [model], alone.skeletons, 8, data, jit_compile=False)
            (before,) = stack.states()
            stack.compile()
            gc.collect()  # nothing that only the trace needed is missed
            stack.train_epoch(order, seed)
            for i, entry in enumerate(program.template.others):
                if entry.kind == "seed":
                    variable_of(alone.skeletons[0], entry).assign([65537 * seed + i, 0])
            fit(model, x, y, [order])
            theirs = [weight.numpy() for weight in model.trainable_variables]
            difference = relative(stack.states()[0].weights, theirs, before.weights)
            self.assertLess(difference, TOLERANCE)
        self.assertLen(programs, 1)

    def test_the_first_batch_tells_whose_numbers_they_are(self):
        x, y = data_for(focal(4, 0.5))
        models, data = [focal(4, number) for number in (0.9, 0.3)], Data(x, y)
        stack = stacked(models, data)
        skeletons = [place.skeleton for place in stack._places]
        self.assertIsNone(check_first_batch(stack.program, models, skeletons, 8, data))
        one, other = skeletons
        one.settings, other.settings = other.settings, one.settings
        objection = check_first_batch(stack.program, models, skeletons, 8, data)
        self.assertIn("another loss", objection)

    @parameterized.named_parameters(
        ("a branch", lambda number: model(4, Branching(number))),
        ("a constant of its own", lambda number: model(4, Prepared(number))),
        ("statistics", lambda n: model(4, keras.layers.Normalization(mean=n, variance=n))),
        ("a variable of its own", lambda number: model(4, Kept(number))),
        ("what is returned", lambda number: model(4, constraint=Either(number))),
        ("a loop", lambda number: model(4, Looping(number))),
        ("how metrics begin", lambda number: model(4, metrics=[Average(number)])),
        ("names of metrics", lambda n: model(4, metrics=[named_accuracy(n)])),
    )
    def test_other_graphs_are_other_programs(self, maker):
        x, y = data_for(maker(0.4))
        models = [maker(number) for number in (0.4, 0.6, 0.4)]
        groups, reasons = Grouping(Data(x, y)).group(models, [8] * 3)
        self.assertEmpty(reasons)
        self.assertEqual([group.places for group in groups], [[0, 2], [1]])

    def test_metrics_may_return_their_variables(self):
        x, y = data_for(model(4))
        own = model(4, metrics=[Average(0.5)])
        stack = stacked([own], Data(x, y), jit_compile=False)
        expected = own.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)["average"]
        self.assertAllClose(stack.evaluate(stack.data)["average"], [expected])

    def test_evaluation_without_weights_has_constants_of_its_own(self):
        def weighted_model(number):
            metrics = [keras.metrics.Precision(number, name="precision")]
            metrics += [keras.metrics.BinaryCrossentropy(name="loss_of", label_smoothing=number)]
            return model(4, weighted_metrics=metrics)

        models = [weighted_model(number) for number in (0.1, 0.3)]
        x, y = data_for(models[0])
        weight = np.linspace(0.5, 1.5, len(x), dtype="float32")
        outcome = train_both_ways(models, x, y, 1, 8, weight, (x, y), jit_compile=False)
        for trial, history in enumerate(outcome.histories):
            for name, values in history.items():
                self.assertAllClose(outcome.logs[0][name][trial], values[0], rtol=1e-4, msg=name)

    def test_what_takes_constants_only_is_stacked_by_numbers(self):
        def build(hp):
            rate = hp.Float("rate", 0.01, 0.1)
            number = hp.Choice("number", [0.3, 0.7])
            return model(4, OneHot(number), optimizer=keras.optimizers.SGD(rate))

        oracle = RandomOracle(keras_tuner.Objective("loss", "min"), max_trials=8, seed=1)
        tuner = StackedTuner(oracle, build, directory=self.create_tempdir().full_path)
        tuner.search(*data_for(build(keras_tuner.HyperParameters())), verbose=0)
        self.assertEqual(tuner.report.ways, {"stacked": 8}, str(tuner.report))
        self.assertLen(tuner.report.programs, 2)

    def test_numbers_that_come_later_need_no_other_program(self):
        x, y = data_for(focal(4, 0.5))
        grouping, programs = Grouping(Data(x, y)), []
        for numbers in ((0.9,), (0.3, 0.2), (0.5, 0.6, 0.7)):
            (group,), _ = grouping.group([focal(4, each) for each in numbers], [8] * len(numbers))
            programs.append(grouping.program(group))
        self.assertIsNot(programs[0], programs[1])  # until then one number was all that was known
        self.assertIs(programs[1], programs[2])


if __name__ == "__main__":
    tf.test.main()
