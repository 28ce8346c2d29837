import dataclasses
import itertools
from pathlib import Path
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from tests.tuning import made_up_records
from tuning.analysis import pictures, read
from tuning.analysis.axis import axis_of
from tuning.pictures import pixels

DRAW = {
    "learning_curves": pictures.learning_curves,
    "importance": pictures.importance,
    "score_slices": pictures.score_slices,
    "two_together": pictures.two_together,
    "overview": pictures.overview,
}
EVERY_PICTURE = list(DRAW.items())


def texts_of(figure):
    """The rectangle of each text that is drawn, in pixels, and what it says."""
    seen, draw = [], Text.draw

    def spy(text, renderer):
        if text.get_visible() and text.get_text().strip():
            seen.append((text.get_window_extent(renderer), text.get_text()))
        draw(text, renderer)

    with mock.patch.object(Text, "draw", spy):  # ticks beyond an axis exist and are not drawn
        FigureCanvasAgg(figure).draw()
    return seen


class PicturesTest(tf.test.TestCase, parameterized.TestCase):
    def found(self, trials, direction="max", **arguments):
        folder = Path(self.create_tempdir().full_path) / "search"
        made_up_records.write(folder, trials, direction, **arguments)
        return read(folder)

    def assert_readable(self, figure):
        texts = texts_of(figure)
        self.assertNotEmpty(texts)
        width, height = figure.bbox.size
        for box, text in texts:
            inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
            self.assertTrue(inside, f"{text!r} leaves the paper: {box}")
        for (one, first), (other, second) in itertools.combinations(texts, 2):
            across = min(one.x1, other.x1) - max(one.x0, other.x0)
            up = min(one.y1, other.y1) - max(one.y0, other.y0)
            self.assertFalse(across > 1 and up > 1, f"{first!r} lies on {second!r}")

    def assert_labelled(self, figure):
        for axes in figure.findobj(lambda artist: hasattr(artist, "get_xlabel")):
            if axes.axison and axes.get_label() != "<colorbar>":
                self.assertNotEmpty(axes.get_xlabel())
                named = axes.get_ylabel() or figure.get_supylabel()
                self.assertTrue(named or len(axes.get_yticklabels()), axes)

    @parameterized.product(picture=tuple(DRAW), trials=(4, 1000), direction=("max", "min"))
    def test_no_text_lies_on_another_or_leaves_the_paper(self, picture, trials, direction):
        figure = DRAW[picture](self.found(trials, direction))
        self.assert_readable(figure)
        self.assert_labelled(figure)

    @parameterized.named_parameters(*EVERY_PICTURE)
    def test_long_names_and_many_values_are_readable_too(self, draw):
        found = self.found(60)
        kinds = [f"kind number {number} of the words" for number in range(30)]
        for number, trial in enumerate(found.trials):
            trial.values["a_hyperparameter_with_a_long_name_of_its_own"] = kinds[number % 30]
            trial.values["$flag$"] = number % 2 == 0
        self.assert_readable(draw(found))

    @parameterized.named_parameters(*EVERY_PICTURE)
    def test_values_beside_their_range_are_readable_too(self, draw):
        found = self.found(30)
        for trial in found.trials[:20]:  # searched tier by tier, most have the default
            trial.values.update(learning_rate_decay=0.0, hidden_units=128, batch_size=8)
        self.assert_readable(draw(found))

    @parameterized.named_parameters(*EVERY_PICTURE)
    def test_the_paper_is_white_and_whole_so_that_it_is_read_on_a_dark_page_too(self, draw):
        seen = pixels(draw(self.found(12)))
        self.assertAllEqual(seen[..., 3], np.full(seen.shape[:2], 255))
        self.assertAllEqual(seen[0, 0], [255, 255, 255, 255])

    @parameterized.product(picture=tuple(DRAW), trials=(0, 1, 2, 3))
    def test_of_hardly_any_trials_there_is_a_picture_or_a_sentence(self, picture, trials):
        self.assert_readable(DRAW[picture](self.found(trials)))

    @parameterized.named_parameters(*EVERY_PICTURE)
    def test_a_search_in_which_everything_failed_is_drawn(self, draw):
        self.assert_readable(draw(self.found(9, failing=9)))

    @parameterized.named_parameters(*EVERY_PICTURE)
    def test_scores_that_are_all_the_same_are_drawn(self, draw):
        found = self.found(9)
        same = [dataclasses.replace(t, score=0.0, status="COMPLETED") for t in found.trials]
        self.assert_readable(draw(dataclasses.replace(found, trials=same)))

    @parameterized.named_parameters(*EVERY_PICTURE)
    def test_an_absurd_score_hides_no_other(self, draw):
        found = self.found(30)
        absurd = dataclasses.replace(found.trials[3], score=-1e30)
        found.trials[3] = absurd
        self.assert_readable(draw(found))
        if draw is pictures.score_slices:
            low, high = draw(found).axes[0].get_ylim()
            self.assertBetween(low, 0, high)

    def test_each_trial_is_a_line_and_the_best_is_red(self):
        found = self.found(30, failing=2)
        figure = pictures.learning_curves(found)
        lines = [c.get_segments() for c in figure.axes[0].collections]
        drawn = sum(len(segments) for segments in lines)
        self.assertEqual(drawn, len(found.curves) + 1)  # the best once more, on top
        best = [row["val_accuracy"] for row in found.curves[found.scored[0].trial]]
        self.assertAllClose(lines[-1][0][:, 1], best)

    def test_bars_have_the_colour_of_their_priority_and_their_interval(self):
        found = self.found(200)
        axes = pictures.importance(found).axes[0]
        names = [label.get_text() for label in axes.get_yticklabels()]
        self.assertEqual(names, [each.name for each in found.importances()])
        widths = [bar.get_width() for bar in axes.patches]
        self.assertAllClose(widths, [each.share for each in found.importances()])
        self.assertEqual(names[0], "learning_rate")
        self.assertEqual(found.priority("learning_rate"), 1)


class AxisTest(tf.test.TestCase, parameterized.TestCase):
    def axis(self, about, values):
        folder = Path(self.create_tempdir().full_path) / "search"
        made_up_records.write(folder, len(values))
        found = read(folder)
        for trial, value in zip(found.trials, values, strict=True):
            trial.values["it"] = value
        return axis_of(dataclasses.replace(found, hyperparameters={"it": about}), "it")

    @parameterized.named_parameters(
        ("linear", "linear", 50, 100, [50, 75, 100], [0, 0.5, 1]),
        ("logarithmic", "logarithmic", 1e-4, 1.0, [1e-4, 1e-2, 1.0], [0, 0.5, 1]),
        ("complement", "logarithmic complement", 0.9, 0.999, [0.9, 0.99, 0.999], [0, 0.5, 1]),
    )
    def test_values_lie_where_their_scale_puts_them(self, scale, low, high, values, places):
        about = {"kind": "float", "low": low, "high": high, "scale": scale}
        axis = self.axis(about, values)
        self.assertAllClose(axis.places, places)
        ticks = {text: place for place, text in axis.ticks}
        for value, place in zip(values, places, strict=True):
            self.assertAllClose(ticks[f"{value:.10g}"], place)

    def test_listed_values_lie_at_equal_distances_in_their_order(self):
        axis = self.axis({"kind": "choice", "values": [256, 32, 64]}, [64, 256, 32, None])
        self.assertAllClose(axis.places[:3], [1, 0, 0.5])
        self.assertTrue(np.isnan(axis.places[3]))
        self.assertEqual([text for _, text in axis.ticks], ["256", "32", "64"])

    def test_listed_numbers_that_are_long_are_listed_once(self):
        axis = self.axis({"kind": "choice", "values": [0.123456789, 1e-05]}, [1e-05, 0.123456789])
        self.assertEqual(axis.ticks, [(0.0, "0.123457"), (1.0, "1e-05")])
        self.assertAllEqual(axis.places, [1, 0])

    def test_values_outside_the_range_lie_beside_it(self):
        about = {"kind": "float", "low": 1e-4, "high": 1.0, "scale": "logarithmic"}
        axis = self.axis(about, [0.0, 1e-4, 1.0, 7.0])
        self.assertLess(axis.places[0], 0)
        self.assertGreater(axis.places[3], 1)
        self.assertEqual([axis.ticks[0][1], axis.ticks[-1][1]], ["0", "7"])

    @parameterized.parameters(
        ({},),
        ({"low": "x", "high": 3, "scale": "linear"},),
        ({"low": 3, "high": 3, "scale": "linear"},),
        ({"low": -1, "high": 3, "scale": "logarithmic"},),
        ({"scale": ["odd"], "low": 1, "high": 100_000},),
        ({"values": 5},),
    )
    def test_a_description_that_says_nothing_leaves_the_values_themselves(self, about):
        axis = self.axis(about, [1, 10, 100, 1000, 10_000, 100_000])
        self.assertAllEqual(np.argsort(axis.places), np.arange(6))
        self.assertAllClose([axis.places.min(), axis.places.max()], [0, 1])


if __name__ == "__main__":
    tf.test.main()
