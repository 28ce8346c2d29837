"""What an event file can say: its version, a row of HParams, numbers, texts, pictures."""

import math
import time

import numpy as np
import tensorflow as tf
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.hparams import metadata, plugin_data_pb2
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.text import metadata as text_metadata
from tensorboard.util import tensor_util

LARGEST = float(np.finfo(np.float32).max)  # an event holds float32: beyond, a number is infinite


def version(wall_time=None):
    """The event that every event file begins with.

    Args:
        wall_time: Seconds since 1970 at which the run began; now if None.
    """
    return event_pb2.Event(wall_time=wall_time or time.time(), file_version="brain.Event:2")


def session_start(trial_id, values):
    """A row of the HParams table.

    Args:
        trial_id: Name of the row.
        values: `{name: number, string or boolean}`; None and what is not finite is left out.
    """
    info = plugin_data_pb2.SessionStartInfo(group_name=trial_id, start_time_secs=time.time())
    for name, value in values.items():
        value = value.item() if isinstance(value, np.generic) else value
        if isinstance(value, bool):
            info.hparams[name].bool_value = value
        elif isinstance(value, int | float):
            if math.isfinite(value):
                info.hparams[name].number_value = value
        elif value is not None:
            info.hparams[name].string_value = str(value)
    content = plugin_data_pb2.HParamsPluginData(session_start_info=info)
    return hparams(metadata.SESSION_START_INFO_TAG, content)


def session_end(status):
    """How the run of a row ended; of the same length whatever the status and the time.

    Args:
        status: `api_pb2.Status`, not `STATUS_UNKNOWN`.
    """
    info = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
    content = plugin_data_pb2.HParamsPluginData(session_end_info=info)
    return hparams(metadata.SESSION_END_INFO_TAG, content)


def hparams(tag, content):
    """An event for the HParams page.

    Args:
        tag: One of the tags in tensorboard's `hparams.metadata`.
        content: `HParamsPluginData` that belongs to the tag.
    """
    about = metadata.create_summary_metadata(content)
    value = summary_pb2.Summary.Value(tag=tag, metadata=about, tensor=metadata.NULL_TENSOR)
    return _event(0, value)


def scalars(step, values, wall_time=None):
    """Points of curves, without what is None or not finite.

    Args:
        step: Place on the horizontal axis.
        values: `{tag: number}`.
        wall_time: Seconds since 1970, of the axis of time; now if None.
    """
    points = [
        summary_pb2.Summary.Value(tag=tag, simple_value=float(value))
        for tag, value in values.items()
        if is_finite(value)
    ]
    return _event(step, *points, wall_time=wall_time)


def by_tag(row):
    """`loss/validation` rather than `val_loss`, so that both curves stand side by side."""
    tags = {}
    for name, value in row.items():
        quantity = name.removeprefix("val_").removeprefix("validation_")
        both = {quantity, f"val_{quantity}", f"validation_{quantity}"}
        if name != quantity:
            tags[f"{quantity}/validation"] = value
        elif name in ("loss", "accuracy") or len(both & row.keys()) > 1:
            tags[f"{quantity}/training"] = value
        elif name != "epoch":
            tags[name] = value
    return tags


def is_finite(value):
    """Whether an event can hold the number; None is none."""
    return value is not None and abs(value) <= LARGEST


def text(tag, markdown, step=0):
    """A text that is shown as Markdown."""
    content = tensor_util.make_tensor_proto(np.array(markdown.encode(), object))
    about = text_metadata.create_summary_metadata(display_name=None, description="")
    return _event(step, summary_pb2.Summary.Value(tag=tag, metadata=about, tensor=content))


def model_graph(configuration):
    """A Keras model for the page of graphs.

    Args:
        configuration: What the model's `to_json` returns.
    """
    about = summary_pb2.SummaryMetadata()
    about.plugin_data.plugin_name, about.plugin_data.content = "graph_keras_model", b"1"
    content = tensor_util.make_tensor_proto(np.array(configuration.encode(), object))
    return _event(0, summary_pb2.Summary.Value(tag="keras", metadata=about, tensor=content))


def image(tag, pixels, step):
    """A picture: `(height, width, 3 or 4)`, uint8."""
    height, width = (str(size).encode() for size in pixels.shape[:2])
    content = np.array([width, height, tf.io.encode_png(pixels).numpy()], object)
    value = summary_pb2.Summary.Value(
        tag=tag,
        metadata=image_metadata.create_summary_metadata(display_name=None, description=""),
        tensor=tensor_util.make_tensor_proto(content),
    )
    return _event(step, value)


def _event(step, *values, wall_time=None):
    summary = summary_pb2.Summary(value=values)
    return event_pb2.Event(wall_time=wall_time or time.time(), step=step, summary=summary)
