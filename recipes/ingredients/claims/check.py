"""A statement of the subject beside what was measured: whether it holds follows from the two."""

import dataclasses
import math

from recipes.ingredients.claims.measured import Measured

YES, NO, UNCERTAIN = "yes", "no", "cannot be told"
UNDER_CONDITIONS = "under conditions"


@dataclasses.dataclass(frozen=True)
class Expected:
    """Where a measured number should lie, by mathematics or by a source, and why."""

    why: str
    """One clause: the theorem, the source, or the reason."""
    low: float = -math.inf
    """The least it may be."""
    high: float = math.inf
    """The most it may be."""

    def __str__(self):
        if self.low == -math.inf:
            return f"at most {self.high:.3g}: {self.why}"
        if self.high == math.inf:
            return f"at least {self.low:.3g}: {self.why}"
        if self.low == self.high:
            return f"{self.low:.3g}: {self.why}"
        return f"{self.low:.3g} to {self.high:.3g}: {self.why}"

    def verdict(self, measured):
        """`yes` if the whole interval lies inside, `no` if all of it (or NaN) lies outside."""
        if self.low <= measured.low and measured.high <= self.high:
            return YES
        overlaps = measured.low <= self.high and measured.high >= self.low
        return UNCERTAIN if overlaps else NO


@dataclasses.dataclass(frozen=True)
class Check:
    """One statement, checked."""

    claim: str
    """Number of the statement in the subject, such as `2.8`."""
    statement: str
    """What is said, as one sentence about the measured number."""
    measured: Measured | tuple[Measured, ...]
    """The number; or several, each with its condition."""
    expected: Expected
    """What all of them are held against."""
    unit: str = ""
    """Unit of the number; empty for a ratio or a share."""

    @property
    def measurements(self):
        """What was measured, as a tuple."""
        return self.measured if isinstance(self.measured, tuple) else (self.measured,)

    @property
    def holds(self):
        """`yes`, `no`, `cannot be told`, or under conditions, those under which it holds."""
        found = {}
        for each in self.measurements:
            found.setdefault(self.expected.verdict(each), []).append(each.condition)
        if len(found) == 1:
            return next(iter(found))
        if YES not in found:
            return UNCERTAIN
        held = found[YES]
        return f"{UNDER_CONDITIONS} ({len(held)} of {len(self.measurements)}): {'; '.join(held)}"

    def row(self):
        """What `claims.json` holds of it; of several conditions `{condition: number}`."""
        each = self.measurements
        return {
            "claim": self.claim,
            "statement": self.statement,
            "measured": _by_condition(each, [m.value for m in each]),
            "interval": _by_condition(each, [[m.low, m.high] for m in each]),
            "unit": self.unit,
            "how": "; ".join(dict.fromkeys(m.how for m in each)),
            "expected": str(self.expected),
            "holds": self.holds,
            "text": "\n".join(f"{m} {self.unit}".rstrip() for m in each),
        }


def _by_condition(measurements, values):
    if len(measurements) == 1:
        return values[0]
    return {m.condition: value for m, value in zip(measurements, values, strict=True)}
