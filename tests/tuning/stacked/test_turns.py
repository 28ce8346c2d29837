"""Who keeps Python busy, and who waits."""

import threading

import tensorflow as tf

from tuning.stacked.turns import Turns

SOON = 0.1


class TurnsTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.turns, self.said = Turns(), []

    def thread(self, function):
        thread = threading.Thread(target=function, daemon=True)
        thread.start()
        return thread

    def first(self):
        with self.turns.first():
            self.said.append("first")

    def patient(self):
        self.turns.wait()
        self.said.append("patient")

    def join(self, *threads):
        for thread in threads:
            thread.join(60)
            self.assertFalse(thread.is_alive())

    def test_one_has_its_turn_and_the_patient_come_last(self):
        with self.turns.first():
            patient, other = self.thread(self.patient), self.thread(self.first)
            while not self.turns._wanted:  # else the patient one may find that nobody wants it
                other.join(SOON)
            self.assertEmpty(self.said)
        self.join(patient, other)
        self.assertEqual(self.said[0], "first")

    def test_a_thread_may_enter_again(self):
        with self.turns.first(), self.turns.first():
            other = self.thread(self.first)
            with self.turns.first():
                pass
            other.join(SOON)
            self.assertEmpty(self.said)
        self.join(other)

    def test_who_needs_no_python_lets_others_go_on_and_then_has_its_turn_back(self):
        with self.turns.first(), self.turns.first():
            with self.turns.without_python():
                self.join(self.thread(self.first), self.thread(self.patient))
            self.assertEqual(self.said, ["first", "patient"])
            other = self.thread(self.first)
            other.join(SOON)
            self.assertLen(self.said, 2)
        self.join(other)

    def test_without_a_turn_nothing_is_given_up(self):
        holds, may_end = threading.Event(), threading.Event()

        def hold():
            with self.turns.first():
                holds.set()
                may_end.wait(60)

        holder = self.thread(hold)
        holds.wait(60)
        with self.turns.without_python():
            other = self.thread(self.first)
            other.join(SOON)
            self.assertEmpty(self.said)
        may_end.set()
        self.join(holder, other)

    def test_an_exception_gives_the_turn_back(self):
        with self.assertRaises(ZeroDivisionError), self.turns.first():
            raise ZeroDivisionError
        self.join(self.thread(self.first), self.thread(self.patient))
