"""Why a model cannot be trained in a stack."""


class NotStackable(Exception):
    """A model must be trained by itself; the message says why, in one sentence."""
