import numpy as np
import tensorflow as tf

from tuning.panda import Outcome, picture
from tuning.panda.curve import LossCurve
from tuning.panda.journal import ADVICE, GUARD, PERSON, Entry
from tuning.pictures import pixels


def outcome(entries, losses=(2.0, 1.5, np.nan, 1.2, 0.8, 0.5), days=((2, 1.8), (6, 0.7))):
    curve = LossCurve()
    for step, loss in enumerate(losses, 1):
        curve.add(step, loss)
    days = [
        {"day": n, "step": step, "epoch": n, "loss": loss, "val_loss": loss, "val_accuracy": 0.5}
        for n, (step, loss) in enumerate(days, 1)
    ]
    return Outcome("all epochs are done", days, days and days[-1], entries, curve, 1.0)


def entry(step, by, what="learning_rate 1 -> 0.1", why="", **more):
    return Entry(step, 1, by, what, why, {"learning_rate": 0.1}, **more)


class PictureTest(tf.test.TestCase):
    def test_every_intervention_is_a_numbered_line_and_is_told(self):
        entries = [entry(0, "start"), entry(3, GUARD, why="exploded", back_to=2)]
        entries += [entry(5, PERSON, "note", "costs $5 $ and μ"), entry(6, ADVICE)]
        page = picture.figure(outcome(entries))
        loss, _ = page.subfigs[0].axes
        numbers = [text.get_text() for text in loss.texts]
        self.assertEqual(numbers, ["1", "2", "3"])
        told = page.subfigs[1].texts[0].get_text()
        for expected in (
            "1 step 3",
            "guard: learning_rate 1 -> 0.1: exploded",
            "2 step 5",
            "advice",
        ):
            self.assertIn(expected, told)
        self.assertGreater(pixels(page).std(), 0)

    def test_what_was_undone_is_drawn_apart(self):
        entries = [entry(0, "start"), entry(3, GUARD, back_to=1)]
        self.assertAllEqual(picture.undone(entries, 5), [0, 0, 1, 1, 0, 0])
        loss, _ = picture.figure(outcome(entries)).subfigs[0].axes
        kept = next(line for line in loss.lines if line.get_label() == "each step")
        self.assertAllEqual(np.isnan(kept.get_ydata()), [0, 1, 1, 0, 0, 0])

    def test_a_run_without_days_or_interventions_or_with_hundreds_is_drawn(self):
        many = [entry(step, PERSON, why="because " * 40) for step in range(200)]
        for entries, days in (([], ()), ([entry(0, "start")], ((2, 1.0),)), (many, ((6, 1.0),))):
            page = picture.figure(outcome(entries, days=days))
            self.assertLess(pixels(page).shape[0], 2500)
        self.assertIn("184 more in journal.jsonl", page.subfigs[1].texts[0].get_text())


class LossCurveTest(tf.test.TestCase):
    def test_it_stays_short_and_keeps_the_mean(self):
        curve = LossCurve(most=8)
        for step in range(1, 101):
            curve.add(step, float(step))
        self.assertLess(len(curve.steps), 8)
        self.assertEqual(curve.steps, [16, 32, 48, 64, 80, 96])
        self.assertAllClose(curve.losses, [np.arange(s - 15, s + 1).mean() for s in curve.steps])
        again = LossCurve(8, curve.content())
        for each in (curve, again):
            for step in range(101, 200):
                each.add(step, float(step))
        self.assertEqual(curve.content(), again.content())


if __name__ == "__main__":
    tf.test.main()
