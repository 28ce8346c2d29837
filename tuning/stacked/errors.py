"""Why a model cannot be trained in a stack."""

from tuning.reasons import reason_of


class NotStackable(Exception):
    """A model must be trained by itself; the message says why, in one sentence."""


def failure(error):
    """Why a stack failed, of an error of TensorFlow's: out of memory, say."""
    return f"its stack failed: {reason_of(str(error.message))[:160]}"
