"""What a person wants, read from the knobs file between two steps."""

from tuning.panda.journal import PERSON
from tuning.panda.knobs import AT_REST, BadKnob, as_text, checked
from tuning.panda.knobs_file import AS_OF, KnobsFile


class LiveKnobs:
    """Reads what a person changed in the knobs file, and shows there what others changed.

    Args:
        folder: Run directory.
        journal: `Journal` of the training.
        say: Function that is told what is wrong with the file.
    """

    def __init__(self, folder, journal, say):
        self.file, self._journal, self._say = KnobsFile(folder), journal, say
        self._taken = None

    def is_new(self):
        """Whether the file may say something new."""
        return self.file.is_new()

    def wanted(self, training):
        """Reads the file.

        Args:
            training: `Babysitter`.

        Returns:
            The `Entry` of what a person changed in it; None if that is nothing or wrong.
        """
        try:
            content = self.file.read()
            if content is None:
                if not self.file.path.exists():
                    self._say(f"{self.file.path.name} was gone: here it is again")
                    self.show(training.knobs)
                return None
            changes = self._changes(content)
        except BadKnob:
            self._taken = None
            self.show(training.knobs)
            return None
        self._taken = content
        changes = {n: v for n, v in changes.items() if v != training.knobs.get(n)}
        return _entry(training, changes) if changes else None

    def show(self, knobs):
        """Writes the knobs as they are now; what a person changed meanwhile stays changed.

        What is wrong with the file is told, and gone.
        """
        with self.file.held():
            meanwhile = self._meanwhile()
            self.file.write(knobs, len(self._journal.entries), meanwhile)
        self._taken = None

    def _meanwhile(self):
        try:
            content = self.file.read()
            return self._changes(content) if content else {}
        except BadKnob as error:
            self._say(f"error: {error} Nothing was changed.")
            return {}

    def _changes(self, content):
        """What differs from the knobs that the file showed."""
        shown = self._taken or self._shown(content.get(AS_OF))
        names = [*self._journal.entries[-1].knobs, *AT_REST]
        content = checked({k: v for k, v in content.items() if k != AS_OF}, names)
        return {n: v for n, v in content.items() if v not in (shown.get(n), AT_REST.get(n))}

    def _shown(self, as_of):
        """The knobs that the file showed, and the commands that were taken since, the last ones."""
        entries = self._journal.entries
        is_known = isinstance(as_of, int) and 1 <= as_of <= len(entries)
        place = as_of if is_known else len(entries)
        shown = dict(entries[place - 1].knobs)
        for entry in entries[place:]:
            if entry.by == PERSON:
                shown |= {"stop": entry.stop, "snapshot": entry.snapshot, "note": entry.why}
        return shown


def _entry(training, changes):
    numbers = {name: value for name, value in changes.items() if name not in AT_REST}
    before = training.knobs
    words = [f"{n} {as_text(before[n])} -> {as_text(value)}" for n, value in numbers.items()]
    words += ["snapshot"] * changes.get("snapshot", False)
    words += ["stopped by a person"] * changes.get("stop", False)
    return training.entry(
        PERSON,
        ", ".join(words) or "note",
        changes.get("note", ""),
        numbers,
        snapshot=changes.get("snapshot", False),
        stop=changes.get("stop", False),
    )
