"""Python runs one thread at a time: who goes first, where several would keep it busy."""

import contextlib
import threading


class Turns:
    """Lets one thread at a time trace, before others build models.

    Done at once, each would take as long as all, and the compiler and the compiled programs, which
    need no Python, would begin so much later.
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._owner, self._depth, self._wanted = None, 0, 0

    @contextlib.contextmanager
    def first(self):
        """Within it, no other thread is within; entered again by a thread that is, no change."""
        self._take(1)
        try:
            yield
        finally:
            self._give(1)

    @contextlib.contextmanager
    def without_python(self):
        """Within it, nothing needs Python: the turn is another thread's, if this one had it."""
        depth = self._depth if self._owner == threading.get_ident() else 0
        if not depth:
            yield
            return
        self._give(depth)
        try:
            yield
        finally:
            self._take(depth)

    def wait(self):
        """Waits until no thread has a turn or wants one."""
        with self._changed:
            self._changed.wait_for(lambda: not self._owner and not self._wanted)

    def _take(self, depth):
        own = threading.get_ident()
        with self._changed:
            if self._owner != own:
                self._wanted += 1
                self._changed.wait_for(lambda: not self._owner)
                self._wanted -= 1
                self._owner = own
            self._depth += depth

    def _give(self, depth):
        with self._changed:
            self._depth -= depth
            if not self._depth:
                self._owner = None
                self._changed.notify_all()


TURNS = Turns()
