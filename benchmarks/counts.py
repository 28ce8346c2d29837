"""What the benchmarks' command lines check of the numbers that they are given."""


def check_at_least(least, **numbers):
    """Raises `ValueError` if a number, or one of several, is smaller than `least`."""
    for name, given in numbers.items():
        values = given if isinstance(given, tuple) else (given,)
        if not values or not all(value >= least for value in values):
            raise ValueError(f"{name} must be {least} or more. Received: {name}={given}.")
