"""Settles the environment of every test before TensorFlow is imported."""

import os
import re
import tempfile

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # equalities are asserted to float32's last digits
os.environ["MPLBACKEND"] = "Agg"

import recipes  # noqa: F401, I001  settles how Keras runs, before it is imported

import keras
import pytest
from absl import flags
from hypothesis import settings

from tuning.garbage import freeze_for_good

settings.register_profile("house", deadline=None, derandomize=True)  # nothing owed to luck
settings.load_profile("house")


@pytest.fixture(autouse=True, scope="session")
def temporary_folder_of_absl():
    """`self.create_tempdir()` reads an absl flag, which absl's own runner would have parsed."""
    flags.FLAGS.mark_as_parsed()
    with tempfile.TemporaryDirectory() as folder:
        flags.FLAGS.test_tmpdir = folder
        yield


@pytest.fixture(autouse=True)
def fresh_keras_state():
    """Each test starts from the same seed, the default dtype policy and an empty name scope.

    TensorFlow keeps the graph of each training for ever: no later test need search it for garbage.
    """
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(policy)
    freeze_for_good()


def pytest_collection_finish():
    """What the tests import is no more garbage than what the recipes do."""
    freeze_for_good()


@pytest.hookimpl(tryfirst=True)  # before `-m "not long"` looks at the marks
def pytest_collection_modifyitems(items):
    """Leaves helpers out, and takes `long` off the cases that `long(but=...)` excepts.

    `tf.test.TestCase.test_session` is a helper that pytest takes for a test.
    """
    items[:] = [item for item in items if item.name != "test_session"]
    for item in items:
        item.own_markers = [mark for mark in item.own_markers if not _is_excepted(item, mark)]


def _is_excepted(item, mark):
    """Whether a mark is `long(but=n)`, and a test is one of the first n cases."""
    case = re.search(r"\d+$", item.name)
    return mark.name == "long" and bool(case) and int(case[0]) < mark.kwargs.get("but", 0)
