"""Which training begins next, and what becomes of those that have not begun."""

import threading
import types

import tensorflow as tf

from tuning.stacked.threads import side_by_side


class Training:
    """Is prepared, and ends, when the test lets it."""

    def __init__(self, name, program):
        self.name, self.group = name, types.SimpleNamespace(key=program)
        self.is_prepared, self.is_stopped = False, False
        self.has_begun, self.may_end = threading.Event(), threading.Event()

    def run(self):
        self.has_begun.set()
        self.may_end.wait(60)
        return self

    def stop(self):
        self.is_stopped = True
        self.may_end.set()


class SideBySideTest(tf.test.TestCase):
    def run_in_a_thread(self, trainings, at_a_time):
        ended = []

        def run():
            ended.extend(each.name for each in side_by_side(trainings, at_a_time))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread, ended

    def test_what_another_thread_prepares_is_not_waited_for(self):
        first, second, third, other = (
            Training("first", "a"),
            Training("second", "a"),
            Training("third", "a"),
            Training("other", "b"),
        )

        def trainings():
            yield first
            first.has_begun.wait(60)
            blocker = Training("blocker", "c")
            yield blocker
            blocker.has_begun.wait(60)
            yield from (second, other, third)
            blocker.may_end.set()
            other.has_begun.wait(60)  # before second, whose program first prepares
            self.assertFalse(second.has_begun.is_set())
            first.is_prepared = True
            other.may_end.set()
            second.has_begun.wait(60)
            self.assertFalse(third.has_begun.is_set())
            for each in (first, second, third):
                each.may_end.set()

        thread, ended = self.run_in_a_thread(trainings(), 2)
        thread.join(60)
        self.assertCountEqual(ended, ["first", "blocker", "second", "other", "third"])

    def test_if_nothing_else_waits_it_begins_all_the_same(self):
        first, second = Training("first", "a"), Training("second", "a")

        def trainings():
            yield from (first, second)
            for each in (first, second):
                self.assertTrue(each.has_begun.wait(60))
                each.may_end.set()

        thread, ended = self.run_in_a_thread(trainings(), 2)
        thread.join(60)
        self.assertCountEqual(ended, ["first", "second"])

    def test_what_trains_is_stopped_and_what_waits_never_begins(self):
        first, second = Training("first", "a"), Training("second", "a")

        def trainings():
            yield from (first, second)
            first.has_begun.wait(60)
            raise ZeroDivisionError

        with self.assertRaises(ZeroDivisionError):
            list(side_by_side(trainings(), 1))
        self.assertTrue(first.is_stopped)
        self.assertFalse(second.has_begun.is_set())
