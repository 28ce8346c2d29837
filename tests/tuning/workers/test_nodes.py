"""A cluster of two Ray nodes, one of which leaves in the middle of a search."""

from pathlib import Path

import pytest
import tensorflow as tf

from tests.tuning.search_files import rows_of
from tests.tuning.workers.nodes import Nodes

pytestmark = pytest.mark.long
TRIALS = 24


class NodesTest(tf.test.TestCase):
    def test_a_search_goes_on_when_one_of_two_nodes_leaves(self):
        folder = Path(self.create_tempdir().full_path)
        nodes = self.enterContext(Nodes())
        nodes.start("head")
        nodes.start("second")
        search = self.enterContext(nodes.driver(folder, TRIALS))
        search.start()
        nodes.wait_for_worker("second", search, folder)
        nodes.end("second")
        code, said, complaint = search.end()
        self.assertEqual(code, 0, complaint)
        self.assertEqual(said.split(), ["ended"] * TRIALS + ["done"])
        self.assertEqual(complaint, "")
        self.assertLen({row["trial"] for row in rows_of(folder)}, TRIALS)
        self.assertEqual({row["status"] for row in rows_of(folder)}, {"COMPLETED"})
        self.assertNotEmpty(nodes.running("head"))  # the cluster runs on


if __name__ == "__main__":
    tf.test.main()
