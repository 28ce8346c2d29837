"""What a list of checks came to."""


def verdicts(checks):
    """The word of each check."""
    return [check.holds for check in checks]


def reds(checks):
    """Numbers, in the list, of the checks that do not hold."""
    return [number for number, check in enumerate(checks) if check.holds == "no"]
