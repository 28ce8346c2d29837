import recipes  # noqa: F401, I001  settles how Keras runs

import contextlib
import copy
import io
import math
import re
import runpy
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from benchmarks.stacked import limit, one_after_another, padded, phases, sections
from benchmarks.stacked.measured import JAX, KERAS_TUNER, OURS, ONE_BY_ONE, FIT
from benchmarks.stacked.processes import new_process
from benchmarks.stacked.settings import Settings
from benchmarks.stacked.watch import Reached, Watch
from benchmarks.stacked.workload import make_workload
from recipes.ingredients.space import SpaceSettings

MAKEFILE = Path(__file__).parents[1] / "Makefile"
EPOCHS, BATCH_SIZE = 2, 256


def quickly(section):
    return sections.main(Settings((section,), quick=True))[section]


class SectionsTest(tf.test.TestCase, parameterized.TestCase):
    def test_every_rival_trains_the_trials_it_is_timed_for(self):
        measured, limits = quickly("default_space")  # rivals, but for the space
        self.assertEqual({name for name, _ in measured}, {KERAS_TUNER, FIT, ONE_BY_ONE, JAX, OURS})
        for (_, trials), own in measured.items():
            self.assertLen(own.turns, 1)
            self.assertLen(own.turns[0].scores, trials)
            self.assertGreater(own.accuracy, 0.2)  # a guess: 0.1
        self.assertGreater(limits[2].median, 0)
        spent = measured[OURS, 2].turns[0]
        self.assertEqual({*spent.phases} | {*spent.ahead}, {*phases.METHODS})

    @pytest.mark.long
    def test_scale_tells_the_memory_of_a_process_of_its_own(self):
        ((seconds, before, most),) = quickly("scale").values()
        self.assertGreater(seconds, 0)
        self.assertGreater(most, before)

    @parameterized.parameters(
        ({"seeds": 0}, "seeds must be 1 or more. Received: seeds=0"),
        ({"rounds": 0}, "rounds must be 1 or more"),
        ({"trials": (64, 0)}, r"trials must be 1 or more. Received: trials=\(64, 0\)"),
        ({"scale_trials": ()}, "scale_trials must be 1 or more"),
        ({"rounds": 3, "fit_trials": 2}, "fit_trials must be 3 or more"),
        ({"limit_seconds": 0.0}, "limit_seconds must be 0.01 or more"),
        ({"patience": float("nan")}, "patience must be 0 or more"),
    )
    def test_numbers_that_nothing_can_be_measured_with_are_refused(self, numbers, message):
        with self.assertRaisesRegex(ValueError, message):
            Settings(**numbers)

    def test_every_contender_searches_for_the_target(self):
        seconds, targets = quickly("target")
        self.assertLen(seconds, 4)
        self.assertLen(targets, 1)
        self.assertTrue(all(len(own) == 1 for own in seconds.values()))


NAMES = re.search("^BENCHMARKS := (.*)$", MAKEFILE.read_text(), re.MULTILINE)[1].split()


class CommandLineTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(*NAMES)
    def test_each_says_what_it_measures_and_refuses_what_it_does_not_know(self, name):
        command = f"python -m benchmarks.{name}"
        for argument, code, told in (("--help", 0, command), ("--typo", 2, "--typo")):
            said = self.enterContext(contextlib.redirect_stdout(io.StringIO()))
            self.enterContext(contextlib.redirect_stderr(said))
            self.enterContext(mock.patch.object(sys, "argv", [name, argument]))
            with self.assertRaises(SystemExit) as left:
                runpy.run_module(f"benchmarks.{name}", run_name="__main__")
            self.assertEqual(left.exception.code, code)
            self.assertIn(told, said.getvalue())


class RivalsTest(tf.test.TestCase, parameterized.TestCase):
    def test_the_compiled_loop_trains_as_keras_does(self):
        run = tf.function(one_after_another.epoch, autograph=False, jit_compile=True)
        self.assert_trains_as_keras_does(
            lambda *nests: run(*tf.nest.map_structure(tf.constant, nests))
        )

    @pytest.mark.long
    def test_what_is_written_in_jax_trains_as_keras_does(self):
        with new_process() as process:
            self.assert_trains_as_keras_does(lambda *nests: process.submit(in_jax, *nests).result())

    def assert_trains_as_keras_does(self, run):
        work = make_workload(SpaceSettings(batch_size=str(BATCH_SIZE)), 3, EPOCHS)
        values = work.values(work.drawn[0]) | {"learning_rate": 0.01, "learning_rate_decay": 0.5}
        model = work.builder.build_from(values)
        model.compile(model.optimizer, model.loss, metrics=["accuracy"], jit_compile=True)
        state = state_of(model, values, values["hidden_units"] + 7)
        arguments = work.fit_arguments() | {"batch_size": BATCH_SIZE, "shuffle": False}
        history = model.fit(**arguments).history
        for epoch in range(EPOCHS):
            rows = np.arange(len(work.data.train.labels), dtype=np.int32)
            whole = len(rows) // BATCH_SIZE * BATCH_SIZE
            rows = rows[:whole].reshape(-1, BATCH_SIZE), rows[whole:]
            numbers = padded.numbers_of(values)
            state, logs = run(state, numbers, epoch, *padded.arrays_of(work), rows)
            for name, value in logs.items():
                self.assertAllClose(value, history[name][epoch], rtol=1e-3, atol=3e-3)


def in_jax(*nests):
    """An epoch in a process of its own: where JAX has run, each fork warns, and Ray forks."""
    from benchmarks.stacked import jax_vmap

    return jax_vmap.jax.tree.map(np.asarray, jax_vmap.jax.jit(jax_vmap.epoch)(*nests))


def state_of(model, values, width):
    """The weights of a Keras model as the rivals hold them."""
    state = padded.begin(values, 64, 10, width, np.random.default_rng(0))
    kernels = [v.numpy() for v in model.trainable_variables if v.name == "kernel"]
    for whole, real in zip(state["weights"]["kernels"], kernels, strict=True):
        whole[: real.shape[0], : real.shape[1]] = real
    return state


class PartsTest(tf.test.TestCase):
    def test_the_limit_counts_three_products_of_each_layer(self):
        work = make_workload(SpaceSettings(hidden_layers="3", hidden_units="50"), 2, EPOCHS)
        sums = limit.multiplications(work, work.drawn)
        weights = 64 * 50 + 2 * 50 * 50 + 50 * 10
        examples = len(work.data.train.labels)
        self.assertEqual(sum(sums.values()), 2 * 3 * EPOCHS * examples * weights)

    def test_a_sample_of_trials_has_every_depth_equally_often(self):
        work = make_workload(SpaceSettings(batch_size="64"), 60, EPOCHS)
        depths = [work.values(hp)["hidden_layers"] for hp in work.drawn]
        chosen = [depths[place] for place in work.sample(12)]
        for depth in (2, 3, 4):
            self.assertAlmostEqual(chosen.count(depth), 12 * depths.count(depth) / 60, delta=1)

    def test_a_phase_does_not_count_the_phases_that_it_calls(self):
        class Toy:
            def outer(self):
                self.inner()

            def inner(self):
                pass

        outer, methods = Toy.outer, {"outer": {Toy: ("outer",)}, "inner": {Toy: ("inner",)}}
        clock = mock.Mock(perf_counter=mock.Mock(side_effect=[0, 10, 11, 13]))
        self.enterContext(mock.patch.object(phases, "METHODS", methods))
        self.enterContext(mock.patch.object(phases, "time", clock))
        with phases.Phases() as spent:
            Toy().outer()
        self.assertEqual(spent.seconds, {"outer": 12, "inner": 1})
        self.assertIs(Toy.outer, outer)

    def test_a_watch_ends_a_search_at_its_target_and_when_time_is_up(self):
        watch = Watch(target=0.9, seconds=math.inf)
        copy.deepcopy(watch).on_epoch_end(0, {"val_accuracy": 0.8})
        self.assertEqual(watch.best, 0.8)
        with self.assertRaises(Reached):
            watch.look(0.9)
        self.assertTrue(watch.has_reached)
        late = Watch(target=0.9, seconds=0.0)
        with self.assertRaises(Reached):
            late.look(0.5)
        self.assertFalse(late.has_reached)


if __name__ == "__main__":
    tf.test.main()
