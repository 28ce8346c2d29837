"""One configuration of the HParams page for all searches and trainings of a log directory."""

import os
from collections import defaultdict

from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

from tuning.dashboard.event_file import OBJECTIVE
from tuning.dashboard.events import LARGEST

SHOWN_AT_FIRST = 5  # columns that the page ticks
MOST_BOXES = 9  # the page cannot filter numbers by a list of more
LAST = 9  # the place of what has no priority


def experiment(found):
    """What columns there are, what may be in them, and which come first.

    The page shows five columns at first: `search`, if there are several, then those that vary, by
    priority.

    Args:
        found: `LogDirectory`.

    Returns:
        `HParamsPluginData` that holds an `api_pb2.Experiment`.
    """
    values, declared = defaultdict(list), defaultdict(list)
    for row in found.rows.values():
        for name, value in row.items():
            values[name].append(value)
    for search in found.searches:
        for entry in _dicts(search.get("hyperparameters")):
            declared[str(entry.get("name"))].append(entry)
    first = _first_columns(values, declared)
    columns = [
        _column(name, values[name], declared[name], name in first) for name in sorted(values)
    ]
    metrics = [_metric(group, tag) for group, tag in sorted(_metrics(found), key=_metric_order)]
    return plugin_data_pb2.HParamsPluginData(
        experiment=api_pb2.Experiment(hparam_infos=columns, metric_infos=metrics)
    )


def _first_columns(values, declared):
    varying = [name for name in values if len(set(values[name])) > 1]
    priority = {
        name: min([LAST, *_numbers(entry.get("priority") for entry in declared[name])])
        for name in varying
    }
    return sorted(varying, key=lambda name: (name != "search", priority[name], name))[
        :SHOWN_AT_FIRST
    ]


def _column(name, values, declared, is_first):
    info = api_pb2.HParamInfo(name=name, differs=is_first)
    if all(isinstance(value, bool) for value in values):
        info.type = api_pb2.DATA_TYPE_BOOL
        info.domain_discrete.extend(sorted(set(values)))
    elif len(_numbers(values)) == len(values):
        info.type = api_pb2.DATA_TYPE_FLOAT64
        bounds = _numbers(entry.get(end) for entry in declared for end in ("low", "high"))
        choices = _numbers(value for entry in declared for value in _list(entry.get("values")))
        present = sorted({*values, *choices})
        whole = all(value.is_integer() for value in present)
        is_listed = len(present) <= MOST_BOXES and (choices or whole or len(present) == 1)
        if is_listed and not bounds:
            info.domain_discrete.extend(present)
        else:
            info.domain_interval.min_value = min([*present, *bounds])
            info.domain_interval.max_value = max([*present, *bounds])
    else:
        info.type = api_pb2.DATA_TYPE_STRING
        info.domain_discrete.extend(sorted({str(value) for value in values}))
    return info


def _metrics(found):
    """Pairs of group and tag that each search has.

    Parallel coordinates draw no line for a row that lacks one of the metrics; those that only some
    searches have would hide all rows of the others.
    """
    pairs, of_searches = _pairs(found), defaultdict(set)
    for run, of_run in pairs.items():
        if ("", OBJECTIVE) in of_run:
            of_searches[found.rows[run].get("search")] |= of_run
    if of_searches:
        return set.intersection(*of_searches.values())
    return set().union(*pairs.values())


def _pairs(found):
    """`{run that has a row: pairs of group and tag}`.

    The group is where a curve lies within the run that has the row.
    """
    pairs = defaultdict(set)
    for run, tags in found.tags.items():
        parent = run
        while parent and parent not in found.rows:
            parent = os.path.dirname(parent)  # noqa: PTH120  a run's name is no path of a file
        if parent:
            group = "" if parent == run else os.path.relpath(run, parent)
            pairs[parent] |= {(group, tag) for tag in tags}
    return pairs


def _metric_order(pair):
    group, tag = pair
    return tag != OBJECTIVE, 2 - _dataset(group, tag), tag.partition("/")[0], pair


def _dataset(group, tag):
    """Validation, training or neither, as `api_pb2.DatasetType`."""
    words = f"{group}/{tag}".split("/")
    if "validation" in words:
        return api_pb2.DATASET_VALIDATION
    return api_pb2.DATASET_TRAINING if {"training", "train"} & {*words} else 0


def _metric(group, tag):
    return api_pb2.MetricInfo(
        name=api_pb2.MetricName(group=group, tag=tag), dataset_type=_dataset(group, tag)
    )


def _list(value):
    return value if isinstance(value, list) else []


def _dicts(value):
    return [entry for entry in _list(value) if isinstance(entry, dict)]


def _numbers(values):
    """Those that are numbers; `search.json` may hold anything."""
    numbers = (v for v in values if isinstance(v, int | float) and not isinstance(v, bool))
    return [float(v) for v in numbers if abs(v) <= LARGEST]
