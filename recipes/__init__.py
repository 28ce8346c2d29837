"""What a person runs: each module is one recipe, `python -m recipes.<name> --help`.

Importing this package settles what a person's `keras.json` may have otherwise (TensorFlow, float32,
channels last), and keeps TensorFlow's start-up chatter, which no setting of TensorFlow 2.21
silences, off the screen.
"""

import contextlib
import gc
import os
import sys


def _without_traceback(kind, exception, trace, others=sys.excepthook):
    """Ctrl-C, while all this is imported, is nothing to explain."""
    if not issubclass(kind, KeyboardInterrupt):
        others(kind, exception, trace)


sys.excepthook = _without_traceback
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@contextlib.contextmanager
def _standard_error_held_back():
    """Holds back what C++ writes to standard error; shows it if the block raises."""
    import tempfile  # takes long enough for a Ctrl-C, which is answered from here on

    sys.stderr.flush()
    with tempfile.TemporaryFile() as held, contextlib.ExitStack() as stack:
        original = os.dup(2)
        stack.callback(os.close, original)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(original, held.read())
            raise
        finally:
            os.dup2(original, 2)


gc.disable()  # of what is imported nothing is garbage: to search it takes a quarter of the start
with _standard_error_held_back():
    import keras
    import tensorflow

    tensorflow.config.list_physical_devices()  # says what it thinks of missing drivers

    from tuning.garbage import freeze_for_good

freeze_for_good()  # nor need it be searched later
gc.enable()
tensorflow.get_logger().setLevel("ERROR")  # many models in one process are no mistake
keras.config.set_floatx("float32")
keras.config.set_image_data_format("channels_last")
