"""From a frozen dataclass of settings to a command line, and from exceptions to exit codes."""

import contextlib
import io
import re
import sys

import tensorflow as tf
import tyro
from rich.console import Console

from recipes.ingredients.errors import BadInput, RunFailed, readable

WIDTH_OF_A_FILE = 120
NO_NUMBER = {
    "invalid literal for int() with base 10": "a whole number",
    "could not convert string to float": "a number",
}
"""What Python says of text that is none, and what it should be."""
console = Console(
    highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE
)


def run(main, settings_type, arguments=None):
    """Runs a recipe from the command line and leaves the process with its exit code.

    0 done; 1 failed while running; 2 bad input (one line, no traceback); 130 interrupted by Ctrl-C.
    An exception that nobody expected keeps its traceback: it is a defect of ours.

    Args:
        main: Function from settings to a result.
        settings_type: Frozen dataclass; a docstring under each field is the help of its flag.
        arguments: List of strings; those of `sys.argv` if None.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a terminal may lack the letters of a class's name
    try:
        main(parse(settings_type, sys.argv[1:] if arguments is None else arguments))
    except BadInput as error:
        _leave(2, error)
    except (RunFailed, OSError) as error:
        _leave(1, error)
    except (MemoryError, tf.errors.ResourceExhaustedError):
        _leave(1, "there is too little memory. Fewer units, or smaller batches, may fit into it.")
    except KeyboardInterrupt as interrupt:
        console.print(f"\n{interrupt}", soft_wrap=True)
        sys.exit(130)


def parse(settings_type, arguments):
    """Reads settings from command-line arguments.

    Args:
        settings_type: Dataclass; nested dataclasses become groups of flags without a prefix.
        arguments: List of strings, without the program's name.

    Returns:
        An instance of `settings_type`.

    Raises:
        BadInput: A flag is unknown, or its value cannot be read.
    """
    _refuse_other_bytes(arguments)
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                settings_type, args=arguments, config=(tyro.conf.OmitArgPrefixes,), prog=_program()
            )
    except SystemExit as leaving:
        if leaving.code == 0:  # --help
            raise
        raise BadInput(_one_line(complaint.getvalue())) from None


def _refuse_other_bytes(arguments):
    """Refuses names of files that are no text, for what a run writes is text."""
    for argument in arguments:
        if argument != readable(argument):
            raise BadInput(
                "names of files and folders must be text in UTF-8."
                f" Received: {readable(argument)}. Rename it."
            )


def _program():
    """`python -m recipes.train`, as it was typed."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return f"python -m {spec.name}" if spec else None


def _one_line(complaint):
    """Tyro's boxed complaint as one line: its first section, and the flags it thinks were meant."""
    rows = [row.strip("│ ") for row in complaint.splitlines() if row.startswith("│")]
    sections = [section.strip() for section in re.split("─{5,}", " ".join(rows))]
    similar = re.findall(r"(--[\w-]+)", " ".join(s for s in sections if s.startswith("Perhaps")))
    message = re.sub(r"^Error parsing (?!-)[^:]*: ", "", sections[0] if rows else complaint)
    message = f"{message.rstrip('.')}."
    message += f" Perhaps you meant {' or '.join(dict.fromkeys(similar))}." if similar else ""
    return _plain(" ".join(message.split())) + " See --help."


def _plain(message):
    """The message; where a number was expected, in words that are not Python's."""
    for complaint, kind in NO_NUMBER.items():
        pattern = rf"Error parsing (\S+): .*{re.escape(complaint)}: (.*)\."
        message = re.sub(pattern, rf"\1 must be {kind}. Received: \2.", message)
    return message


def _leave(code, error):
    message = " ".join(str(error).split())
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)
