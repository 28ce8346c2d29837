"""Computes for all trials of a stack what is written for one, by TensorFlow's vectoriser.

The vectoriser gets rules for operations of Keras's metrics that it does not know, and one in place
of its own that is wrong.
"""

import contextlib
import threading

import tensorflow as tf
from tensorflow.python.ops.parallel_for import pfor


def over_trials(function, members, kept, lifted=None, constants=()):
    """What a function returns for each trial, computed for all of them at once, in a graph.

    `tf.vectorized_map` does the same; but it takes each trial's part of the arguments by a gather,
    which becomes a copy of all weights for each step, and a third of the graph.

    Args:
        function: Function of a nest of tensors, one trial's.
        members: The nest of all, each tensor with the trials as its first axis.
        kept: List that gets what has to live as long as what is made here is used: with a graph
            TensorFlow forgets its functions, loops and branches too, of which this has copies.
        lifted: `Lifted`: which of the function's floating-point constants are another one in each
            trial. Default none.
        constants: Tensors of these, with that axis.

    Returns:
        What `function` returns, with that axis.

    Raises:
        ValueError: If an operation cannot be vectorised, or the function has another number of
            constants than is known.
    """
    teach()
    tensors = tf.nest.flatten(members)
    one, parts, results = graph_of_one(function, _specs_of_one(members))
    kept.append(one)
    _name_squeezed_axes(one)
    number = tf.compat.v1.placeholder_with_default(0, shape=[])
    conversion = pfor.PFor(
        number, tf.shape(tensors[0])[0], one.get_operations(), fallback_to_while_loop=False
    )
    for part, tensor in zip(parts, tensors, strict=True):
        conversion._add_conversion(part, pfor.wrap(tensor, True))
    for constant, tensor in _lifted_constants(one, lifted, constants):
        conversion._add_conversion(constant, pfor.wrap(tensor, True))
    for outside, inside in one.captures:
        conversion._add_conversion(inside, pfor.wrap(outside, False))

    def of_all(result):
        stacked = conversion.convert(result)
        stacked.set_shape([None, *result.shape])
        return stacked

    with _unlogged():
        return tf.nest.map_structure(of_all, results)


@contextlib.contextmanager
def _unlogged():
    """Keeps pages of TensorFlow's off the screen where it cannot vectorise; the error says so."""
    thread, logger = threading.get_ident(), tf.get_logger()

    def is_of_another_thread(record):
        return record.thread != thread

    logger.addFilter(is_of_another_thread)
    try:
        yield
    finally:
        logger.removeFilter(is_of_another_thread)


def over_one_trial(function, members, kept, lifted=None, constants=()):
    """The same for a stack of one trial, which needs no vectorising.

    Args:
        function: As for `over_trials`, as is all that follows.
        members: The nest of all.
        kept: List.
        lifted: `Lifted`. Default none.
        constants: Tensors of these.
    """
    own = tf.nest.map_structure(lambda tensor: tensor[0], members)
    if not lifted:
        results = function(own)
    else:
        one, parts, results = graph_of_one(function, _specs_of_one(members))
        kept.append(one)
        pairs = _lifted_constants(one, lifted, constants)
        given = {constant.name: tensor[0] for constant, tensor in pairs}
        given |= {p.name: t for p, t in zip(parts, tf.nest.flatten(own), strict=True)}
        given |= {inside.name: outside for outside, inside in one.captures}
        wanted = [tensor.name for tensor in tf.nest.flatten(results)]
        graph = one.as_graph_def()
        found = tf.graph_util.import_graph_def(graph, given, wanted, name="")
        results = tf.nest.pack_sequence_as(results, found)
    return tf.nest.map_structure(lambda tensor: tensor[tf.newaxis], results)


def graph_of_one(function, specs):
    """What a function computes for one trial, as a graph of its own.

    Args:
        function: Function of a nest of tensors.
        specs: The nest, of `tf.TensorSpec`s.

    Returns:
        `(graph, parts, results)`: the graph, its placeholders in the nest's order, and what
        `function` returned.
    """
    one = tf.__internal__.FuncGraph("one_trial")
    with one.as_default():
        parts = [tf.compat.v1.placeholder(s.dtype, s.shape) for s in tf.nest.flatten(specs)]
        return one, parts, function(tf.nest.pack_sequence_as(specs, parts))


def _specs_of_one(members):
    return tf.nest.map_structure(lambda t: tf.TensorSpec(t.shape[1:], t.dtype), members)


def _lifted_constants(graph, lifted, constants):
    """The constants of a trial's graph that are its own, each with the tensor of all trials'."""
    if not lifted:
        return []
    numbers = [op.outputs[0] for op in graph.get_operations() if is_number(op.node_def)]
    if len(numbers) != lifted.total:
        raise ValueError(f"{len(numbers)} constants, where {lifted.total} were read")
    return list(zip([numbers[place] for place in lifted.places], constants, strict=True))


def is_number(node):
    """Whether a node of a graph (`NodeDef`) is a floating-point constant."""
    return node.op == "Const" and tf.dtypes.as_dtype(node.attr["dtype"].type).is_floating


def _name_squeezed_axes(graph):
    """Says which axes `squeeze` drops: all of length 1 would be the members' too, if it is one."""
    for operation in graph.get_operations():
        if operation.type != "Squeeze" or operation.get_attr("squeeze_dims"):
            continue
        shape = operation.inputs[0].shape
        if shape.is_fully_defined():
            axes = [axis for axis, length in enumerate(shape) if length == 1]
            named = tf.compat.v1.AttrValue(list=tf.compat.v1.AttrValue.ListValue(i=axes))
            operation._set_attr("squeeze_dims", named)


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


def _look_up(conversion):
    """Works element by element; Keras's lookups of strings and integers have it."""
    keys = conversion.input(1)
    table, default = conversion.unstacked_input(0), conversion.unstacked_input(2)
    found = tf.raw_ops.LookupTableFindV2(table_handle=table, keys=keys.t, default_value=default)
    return pfor.wrap(found, keys.is_stacked)


def _pad(conversion):
    """With the value that it is given, which TensorFlow's own rule forgets."""
    paddings = conversion.unstacked_input(1)
    padded = tf.raw_ops.PadV2(
        input=conversion.stacked_input(0),
        paddings=tf.concat([tf.zeros([1, 2], paddings.dtype), paddings], 0),
        constant_values=conversion.unstacked_input(2),
    )
    return pfor.wrap(padded, True)


_RULES = {"Bitcast": _bitcast, "InTopKV2": _in_top_k, "LookupTableFindV2": _look_up}


def teach():
    """Adds the missing rules and mends a wrong one; doing so again changes nothing."""
    pfor._pfor_converter_registry["PadV2"] = _pad
    for operation, rule in _RULES.items():
        if operation not in pfor._pfor_converter_registry:
            pfor.RegisterPFor(operation)(rule)
