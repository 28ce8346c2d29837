"""Teaches TensorFlow's vectoriser the operations of Keras's metrics that it does not know.

Nothing is replaced: an operation without a rule gets one.
"""

import tensorflow as tf
from tensorflow.python.ops.parallel_for import pfor


def _bitcast(conversion):
    """Works element by element, hence on all members at once; Keras's argmax has it."""
    return pfor.wrap(tf.bitcast(conversion.stacked_input(0), conversion.get_attr("type")), True)


def _in_top_k(conversion):
    """Works row by row, hence on the rows of all members; Keras's top-k accuracies have it."""
    conversion.stack_inputs([0, 1])
    predictions, targets = conversion.stacked_input(0), conversion.stacked_input(1)
    rows = tf.math.in_top_k(
        tf.reshape(targets, [-1]),
        tf.reshape(predictions, [-1, tf.shape(predictions)[-1]]),
        conversion.unstacked_input(2),
    )
    return pfor.wrap(tf.reshape(rows, tf.shape(targets)), True)


_RULES = {"Bitcast": _bitcast, "InTopKV2": _in_top_k}


def teach():
    """Adds the missing rules; doing so again changes nothing."""
    for operation, rule in _RULES.items():
        if operation not in pfor._pfor_converter_registry:
            pfor.RegisterPFor(operation)(rule)
