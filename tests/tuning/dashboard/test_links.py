import re
from urllib.parse import parse_qs, unquote, urlsplit

import tensorflow as tf

from tuning.dashboard import links

URL = "http://127.0.0.1:6006/"


class LinksTest(tf.test.TestCase):
    def check(self, link, runs, others):
        """The link's filter lets these runs pass and no others."""
        (pattern,) = parse_qs(urlsplit(link).query)["runFilter"]
        for run in runs:
            self.assertRegex(run, pattern)
        for other in others:
            self.assertIsNone(re.search(pattern, other), other)

    def test_a_filter_lets_the_runs_of_a_folder_pass_and_no_others(self):
        runs = ["search/a.b (1)/0001", "search/a.b (1)/0002"]
        others = ["search/a.b (1)2/0001", "search/axb (1)/0001", "x/search/a.b (1)/1"]
        link, selected = links.curves(URL, runs, runs + others)
        self.assertTrue(selected)
        self.assertEqual(urlsplit(link).fragment, "timeseries")
        self.check(link, runs, others)

    def test_runs_that_share_no_folder_of_their_own_are_named(self):
        runs, others = ["a/train/1", "b/train/2"], ["a/search/1", "b/train/22"]
        link, _ = links.curves(URL, runs, runs + others)
        self.check(link, runs, others)

    def test_among_many_runs_a_few_are_selected_where_that_can_be(self):
        trials = [f"search/{number}" for number in range(499)]
        runs = ["train/1", "train/2"]
        link, selected = links.curves(URL, runs, trials + runs)
        self.assertTrue(selected)
        self.assertEqual(unquote(link), URL + "#scalars&regexInput=^train(/|$)")
        link, selected = links.curves(URL, trials, trials + runs)
        self.assertFalse(selected)
        self.check(link, trials, runs)

    def test_findings_are_those_of_all_searches_those_to_come_too(self):
        for view in ("scalars", "images", "text"):
            link = links.findings(URL, view, ["search/1/analysis", "analysis"])
            fragment = urlsplit(link).fragment
            self.assertEqual(fragment.partition("&")[0], view)
            (pattern,) = parse_qs(fragment)["regexInput"]
            for run in ("search/1/analysis", "analysis", "search/to come/analysis"):
                self.assertRegex(run, pattern)
            for run in ("search/1/tensorboard/1", "analysis/tensorboard/1", "an_analysis"):
                self.assertIsNone(re.search(pattern, run), run)
        history = parse_qs(urlsplit(links.findings(URL, "scalars", ["analysis"])).fragment)
        self.assertRegex("by trial/objective", history["tagFilter"][0])

    def test_of_more_searches_than_can_be_selected_the_findings_of_the_last_are(self):
        runs = [f"search/2026-01-{day:02d}/analysis" for day in range(1, 51)]
        link = links.findings(URL, "images", runs)
        (pattern,) = parse_qs(urlsplit(link).fragment)["regexInput"]
        selected = [run for run in runs if re.search(pattern, run)]
        self.assertEqual(selected, runs[-links.MOST_SELECTED :])

    def test_runs_without_a_folder_in_common_need_no_filter_if_they_are_all(self):
        link, _ = links.curves(URL, ["."], ["."])
        self.assertEqual(link, URL + "?runFilter=#timeseries")


if __name__ == "__main__":
    tf.test.main()
