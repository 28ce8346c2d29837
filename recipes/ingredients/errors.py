"""The two ways in which a recipe ends without its result, as a person sees them."""


class BadInput(ValueError):
    """What a person gave cannot be used; the message is one line: what is wrong, what is right.

    The command line turns it into `error: <message>` and exit code 2.
    """


class RunFailed(RuntimeError):
    """The input was fine, the run was not (a loss that is no number, say); exit code 1."""
