"""What a person sees: each view of TensorBoard, by the links that `make tensorboard` prints."""

import re
import tempfile
import unittest
from pathlib import Path

import tensorflow as tf

from tests.tuning import made_up_records
from tests.tuning.dashboard.browser import Browser, missing
from tests.tuning.dashboard.served import Served
from tuning.analysis import read
from tuning.dashboard.findings import PICTURES, write_findings

SEARCHES = {"first": 30, "second": 14}  # more runs than Scalars, Images and Text select at first
HISTORY = ("best so far", "objective")


@unittest.skipIf(missing(), f"not installed: {', '.join(missing())} (Debian: chromium-driver)")
class BrowserTest(tf.test.TestCase):
    """One TensorBoard with two searches, one browser."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        root = Path(temporary.name)
        for number, (name, trials) in enumerate(SEARCHES.items()):
            made_up_records.write(
                root / name, trials, seed=number, in_tensorboard=True, name=name, failing=1
            )
            write_findings(root / name)
        cls.found = {name: read(root / name) for name in SEARCHES}
        cls.scored = sum(len(found.scored) for found in cls.found.values())
        cls.server = Served(root)
        cls.addClassCleanup(cls.server.close)
        cls.rows = cls.server.rows(sum(SEARCHES.values()), scored=cls.scored)
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)

    def open(self, text):
        """Opens the link that was printed beside a text."""
        self.browser.open(re.search(rf"{text}.*?(http\S+)", self.server.printed)[1])

    def wait_for_number(self, number, count, what):
        self.browser.wait_for(lambda: count() == number, f"{number} {what}")

    def selected_runs(self):
        boxes = self.browser.all("paper-checkbox")
        checked = [box for box in boxes if box.get_attribute("aria-checked") == "true"]
        names = [box.get_attribute("id").removeprefix("checkbox-") for box in checked]
        return {name for name in names if "/" in name}

    def assert_findings_selected(self):
        expected = {f"{name}/analysis" for name in SEARCHES}
        self.browser.wait_for(lambda: self.selected_runs() == expected, f"{expected} selected")

    def test_the_table_has_a_row_for_each_trial(self):
        self.open("all rows")

        def names():
            cells = self.browser.all("vaadin-grid-cell-content")
            return {cell.get_property("textContent").strip() for cell in cells}

        first = [f"first/{number:04d}" for number in range(10)]
        self.browser.wait_for(lambda: names().issuperset(first), first)
        grid = self.browser.all("vaadin-grid")[0]
        self.assertLen(self.rows, grid.get_property("_effectiveSize"))

    def test_parallel_coordinates_have_a_line_for_each_trial_with_a_score(self):
        self.open("all rows")
        self.browser.choose("PARALLEL COORDINATES VIEW")
        self.assertLess(self.scored, len(self.rows))  # failed trials have nothing to be drawn at
        lines = "g.foreground path"
        self.wait_for_number(self.scored, lambda: self.browser.drawn(lines), "lines")

    def test_the_scatter_matrix_has_a_dot_for_each_such_trial_in_each_cell(self):
        self.open("all rows")
        self.browser.choose("SCATTER PLOT MATRIX VIEW")

        def dots_of_cells():
            return set(self.browser.numbers_within(self.browser.all("g.cell"), "circle"))

        self.browser.wait_for(lambda: dots_of_cells() == {self.scored}, "a dot for each trial")
        markers = self.browser.all("circle.data-marker")
        self.assertTrue(any(marker.is_displayed() for marker in markers))

    def test_the_course_of_both_searches_lies_in_the_same_charts(self):
        self.open("course of each search")
        self.assert_findings_selected()
        expected = {f"by {axis}/{name}" for axis in ("trial", "seconds") for name in HISTORY}
        expected |= {"by trial/trials per second"}

        def drawn():
            cards = self.browser.all("tf-scalar-card")
            return {card.text.partition("\n")[0]: self.lines(card) for card in cards}

        self.browser.wait_for(
            lambda: all(len(drawn().get(tag, ())) == len(SEARCHES) for tag in expected), expected
        )
        for tag in expected:
            self.assertLen(set(drawn()[tag]), len(SEARCHES), f"the lines of {tag} look alike")

    def lines(self, card):
        """The colour of each line of a chart."""
        paths = self.browser.all("path.line", card)
        drawn = [path for path in paths if len(path.get_attribute("d") or "") > 20]
        return [path.value_of_css_property("stroke") for path in drawn]

    def test_the_pictures_of_both_searches_are_loaded(self):
        self.open("pictures of each search")
        self.assert_findings_selected()
        expected = {f"{name}/analysis {tag}" for name in SEARCHES for tag in PICTURES}
        self.browser.wait_for(lambda: self.pictures() == expected, expected)

    def pictures(self):
        """The run and tag of each picture that is loaded, all of its pixels wide."""
        loaded = set()
        for pane in self.browser.all("tf-image-loader"):
            for image in self.browser.all("img", pane):
                self.browser.driver.execute_script("arguments[0].scrollIntoView()", image)
                if image.get_property("naturalWidth") > 500:
                    run, tag = (pane.get_property(name) for name in ("run", "tag"))
                    loaded.add(f"{run} {tag}")
        return loaded

    def test_the_best_trial_of_each_search_is_told(self):
        self.open("best of each search")
        self.assert_findings_selected()

        def told():
            cards = " ".join(card.text for card in self.browser.all("tf-text-loader"))
            return all(f"trial {f.scored[0].trial}, epoch" in cards for f in self.found.values())

        self.browser.wait_for(told, "the best trials")


if __name__ == "__main__":
    tf.test.main()
