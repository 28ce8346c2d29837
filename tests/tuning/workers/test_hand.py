import tensorflow as tf

from tuning.workers.hand import MOST_LOSSES, Hand


def lose(hand, deadly, is_memory=False):
    """Loses hands that hold a deadly trial until all have ended; returns the lost and the tries."""
    waiting, failed, tries = [hand], [], 0
    while waiting:
        hand, tries = waiting.pop(), tries + 1
        if deadly.isdisjoint(hand.trials):
            continue
        again = hand.lost(has_begun=True, is_memory=is_memory)
        waiting += again
        failed += [] if again else hand.trials
    return failed, tries


class HandTest(tf.test.TestCase):
    def hand(self, trials):
        return Hand(dict.fromkeys(range(trials)))

    def test_the_first_time_it_is_tried_whole_then_in_halves(self):
        (whole,) = self.hand(5).lost(has_begun=True, is_memory=False)
        self.assertEqual([*whole.trials], [0, 1, 2, 3, 4])
        halves = whole.lost(has_begun=True, is_memory=False)
        self.assertEqual([[*half.trials] for half in halves], [[0, 1], [2, 3, 4]])

    def test_what_runs_out_of_memory_is_halved_at_once(self):
        self.assertLen(self.hand(4).lost(has_begun=True, is_memory=True), 2)

    def test_what_kills_fails_alone_and_after_few_tries(self):
        failed, tries = lose(self.hand(64), {17})
        self.assertEqual(failed, [17])
        self.assertLessEqual(tries, 2 + 2 * 6)
        failed, tries = lose(self.hand(1), {0})
        self.assertEqual((failed, tries), ([0], MOST_LOSSES))

    def test_if_all_kill_all_fail(self):
        failed, _ = lose(self.hand(8), {*range(8)})
        self.assertEqual(sorted(failed), [*range(8)])

    def test_a_worker_that_never_begins_is_no_trials_fault_for_a_while(self):
        hand, starts = self.hand(2), 0
        while len(hands := hand.lost(has_begun=False, is_memory=False)) == 1 and starts < 100:
            (hand,) = hands
            starts += 1
        self.assertBetween(starts, MOST_LOSSES, 99)


if __name__ == "__main__":
    tf.test.main()
