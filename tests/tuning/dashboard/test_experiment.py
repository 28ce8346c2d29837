import tensorflow as tf
from absl.testing import parameterized
from tensorboard.plugins.hparams import api_pb2

from tuning.dashboard.experiment import experiment
from tuning.dashboard.log_directory import LogDirectory


def columns(rows, declared=()):
    found = LogDirectory(dict(enumerate(rows)), {}, [{"hyperparameters": list(declared)}])
    return {info.name: info for info in experiment(found).experiment.hparam_infos}


def column(values, **declared):
    return columns([{"x": v} for v in values], [{"name": "x", **declared}])["x"]


class ExperimentTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        ([True, False], api_pb2.DATA_TYPE_BOOL, [False, True]),
        ([64.0, 32.0, 64.0], api_pb2.DATA_TYPE_FLOAT64, [32.0, 64.0]),
        ([0.5], api_pb2.DATA_TYPE_FLOAT64, [0.5]),
        (["b", "a"], api_pb2.DATA_TYPE_STRING, ["a", "b"]),
        (["b", 1.0], api_pb2.DATA_TYPE_STRING, ["1.0", "b"]),
    )
    def test_few_values_are_listed(self, values, kind, listed):
        info = column(values)
        self.assertEqual(info.type, kind)
        self.assertEqual(list(info.domain_discrete), listed)

    @parameterized.parameters(
        ([0.5, 0.25], {}, 0.25, 0.5),
        ([float(n) for n in range(1, 11)], {}, 1.0, 10.0),  # ten boxes break the page
        ([64.0], {"low": 50, "high": 100}, 50.0, 100.0),
        ([0.03], {"low": 1e-4, "high": 1.0}, 1e-4, 1.0),
        ([128.0], {"low": 50, "high": 100}, 50.0, 128.0),
        ([3.0], {"low": "?", "high": 4, "priority": None}, 3.0, 4.0),
    )
    def test_a_range_is_an_interval_with_no_zero_of_its_own(self, values, declared, low, high):
        info = column(values, **declared)
        self.assertFalse(info.HasField("domain_discrete"))
        self.assertEqual(
            (info.domain_interval.min_value, info.domain_interval.max_value), (low, high)
        )

    def test_five_columns_that_vary_come_first_by_priority(self):
        names = ["search", "a", "b", "c", "d", "e", "alike"]
        rows = [{name: float(name != "alike") * n for name in names} for n in (1, 2)]
        declared = [{"name": "e", "priority": 1}, {"name": "d", "priority": 3}]
        declared += [{"name": "alike", "priority": 1}, {"name": "e", "priority": 4}]
        first = {name for name, info in columns(rows, declared).items() if info.differs}
        self.assertEqual(first, {"search", "e", "d", "a", "b"})

    def test_a_single_search_leaves_its_name_out(self):
        rows = [{"search": "a", "x": 1.0}, {"search": "a", "x": 2.0}]
        self.assertFalse(columns(rows)["search"].differs)

    def test_metrics_lie_within_the_run_that_has_the_row(self):
        tags = {"run": {"objective"}, "run/train": {"loss"}, "other": {"loss"}, "run2": {"loss"}}
        found = LogDirectory({"run": {"x": 1.0}}, tags, [])
        infos = experiment(found).experiment.metric_infos
        names = [(info.name.group, info.name.tag) for info in infos]
        self.assertEqual(names, [("", "objective"), ("train", "loss")])

    def test_a_metric_that_a_search_lacks_hides_none_of_its_rows(self):
        rows = {"a/1": {"search": "a"}, "a/2": {"search": "a"}, "b/1": {"search": "b"}}
        rows["b/failed"] = {"search": "b"}
        tags = {"a/1": {"objective", "loss", "rate"}, "a/2": {"objective"}, "b/failed": set()}
        tags["b/1"] = {"objective", "loss", "accuracy"}
        infos = experiment(LogDirectory(rows, tags, [])).experiment.metric_infos
        self.assertEqual([info.name.tag for info in infos], ["objective", "loss"])

    @parameterized.parameters(
        {}, {"hyperparameters": None}, {"hyperparameters": [1, {}, {"name": ["x"]}, {"name": "x"}]}
    )
    def test_a_search_may_declare_anything(self, **search):
        found = LogDirectory({"run": {"x": 1.0}}, {}, [search])
        self.assertLen(experiment(found).experiment.hparam_infos, 1)


if __name__ == "__main__":
    tf.test.main()
