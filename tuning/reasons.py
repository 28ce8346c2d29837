"""The one line of a failure that tells what went wrong, among all that frameworks say around it."""

import re

TRACEBACK = "Traceback (most recent call last):\n"
AROUND = re.compile(
    r"(?:[\w.]+: )?"
    r"(?:Exception encountered when calling|Arguments received by|Detected at node|File \")"
)
"""How paragraphs begin that say where something happened, and not what."""
DECORATION = re.compile(r"\x1b\[[\d;]*m| ?\[Op:\w+\]$| at 0x[0-9a-f]+", re.MULTILINE)


def reason_of(text):
    """The line that tells, of a traceback or of an error's message.

    Keras puts the arguments of a layer's call after it, TensorFlow the nodes of a graph before it.

    Args:
        text: What Python prints of an error, or its message alone; it may be empty.
    """
    _, _, text = text.rpartition(TRACEBACK)
    lines = text.split("\n")
    first = next((n for n, line in enumerate(lines) if line[:1].strip()), 0)  # after the frames
    paragraphs = DECORATION.sub("", "\n".join(lines[first:])).split("\n\n")
    plain = [each.strip() for each in paragraphs if each.strip()]
    telling = [each for each in plain if not each.endswith(":") and not AROUND.match(each)]
    return (telling or plain or [""])[0].partition("\n")[0]
