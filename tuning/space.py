"""A search space as data: written once, checked when made, read by everything that searches.

`SearchSpace.declare(hp)` writes it on a `keras_tuner.HyperParameters`, so any oracle serves;
`SearchSpace.values(hp)` reads the values back under the hyperparameters' own names.
"""

from dataclasses import dataclass, replace

from tuning.discrete import Choices, Fixed, Integers
from tuning.scales import COMPLEMENT, Scale
from tuning.space_file import override, read_overrides

PRIORITIES = (1, 2, 3, 4)


@dataclass(frozen=True)
class Hyperparameter:
    """One hyperparameter: what it may be, what it is unless searched, how much it matters.

    Args:
        name: str, its own name everywhere: in the space, in records, in settings.
        range: a scale of `tuning.scales`, or `Integers`, `Choices` or `Fixed`.
        default: its value when it is not searched, in the range; of a `Fixed`, always its value.
        priority: int from 1 (tune first) to 4 (seldom needs tuning); default 1.
        default_outside_range: bool, default False; declares that the default lies outside the
            range on purpose, such as a decay of 0 beside a logarithmic range. A search never
            draws it.

    Raises:
        ValueError: if the name is empty or reserved, the priority is none of 1 to 4, or the
            default is not in the range although that was not declared.
    """

    name: str
    range: Scale | Integers | Choices | Fixed
    default: int | float | str | bool | None = None
    priority: int = 1
    default_outside_range: bool = False

    def __post_init__(self):
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"name must be a non-empty string. Received: name={self.name!r}.")
        if self.name.startswith((COMPLEMENT, "tuner/")):
            raise ValueError(
                f"name must not begin with {COMPLEMENT!r} or 'tuner/', which are used inside "
                f"keras-tuner. Received: name={self.name!r}."
            )
        if not isinstance(self.range, Scale | Integers | Choices | Fixed):
            raise ValueError(
                f"{self.name}.range must be a scale, Integers, Choices or Fixed. "
                f"Received: range={self.range!r}."
            )
        if self.priority not in PRIORITIES:
            raise ValueError(
                f"{self.name}.priority must be 1, 2, 3 or 4. Received: priority={self.priority!r}."
            )
        if isinstance(self.range, Fixed):
            object.__setattr__(self, "default", self.range.value)
        self._check_default()

    def _check_default(self):
        if self.range.contains(self.default):
            return
        if isinstance(self.range, Choices) or not self.default_outside_range:
            raise ValueError(
                f"{self.name}.default must be in its range {self.range}"
                f"{'' if isinstance(self.range, Choices) else ' or be declared outside it'}. "
                f"Received: default={self.default!r}."
            )
        Fixed(self.default)

    @property
    def is_searched(self):
        """Whether a search draws its values; False for a fixed one."""
        return not isinstance(self.range, Fixed)


@dataclass(frozen=True)
class SearchSpace:
    """Hyperparameters with distinct names. Methods that change it return another space.

    Args:
        hyperparameters: sequence of `Hyperparameter`.

    Raises:
        ValueError: if there are none, or two share a name.
    """

    hyperparameters: tuple

    def __post_init__(self):
        object.__setattr__(self, "hyperparameters", tuple(self.hyperparameters))
        if not self.hyperparameters:
            raise ValueError(
                "hyperparameters must hold at least one. Received: hyperparameters=()."
            )
        names = [hyperparameter.name for hyperparameter in self.hyperparameters]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"names must be distinct. Received: {name!r} more than once.")

    def __iter__(self):
        return iter(self.hyperparameters)

    def __len__(self):
        return len(self.hyperparameters)

    def __contains__(self, name):
        return any(hyperparameter.name == name for hyperparameter in self)

    def __getitem__(self, name):
        for hyperparameter in self:
            if hyperparameter.name == name:
                return hyperparameter
        known = ", ".join(hyperparameter.name for hyperparameter in self)
        raise ValueError(f"name must be one of {known}. Received: name={name!r}.")

    @property
    def defaults(self):
        """Each hyperparameter's default by name."""
        return {hyperparameter.name: hyperparameter.default for hyperparameter in self}

    @property
    def priorities(self):
        """Each searched hyperparameter's priority by name, for the oracles that go by them."""
        return {each.name: each.priority for each in self if each.is_searched}

    def declare(self, hp):
        """Declare all hyperparameters on a `keras_tuner.HyperParameters`.

        Args:
            hp: the `keras_tuner.HyperParameters` of an oracle or of a `build(hp)`.

        Returns:
            dict, each hyperparameter's current value by its own name.
        """
        for each in self:
            each.range.declare(hp, each.name, each.default)
        return self.values(hp)

    def values(self, hp):
        """The values that a `keras_tuner.HyperParameters` holds, by the hyperparameters' own names.

        Args:
            hp: `keras_tuner.HyperParameters` on which this space was declared, such as a trial's.

        Returns:
            dict of name to value, in the order of the space.
        """
        return {each.name: each.range.read(hp, each.name) for each in self}

    def replace(self, name, range=None, default=None, priority=None):  # noqa: A002
        """The space with another range, default or priority for one hyperparameter.

        A default that is not given and not in a new range moves to the nearest value in it, unless
        it was declared outside.
        """
        old = self[name]
        changes = {} if priority is None else {"priority": priority}
        if range is not None:
            changes["range"] = range
            if not old.default_outside_range or isinstance(range, Choices):
                in_range = range.contains(old.default)
                changes["default"] = old.default if in_range else range.nearest(old.default)
        if default is not None:
            changes["default"] = default
        return self._with(replace(old, **changes))

    def narrow(self, name, low=None, high=None):
        """The space with a part of one hyperparameter's range, on the same scale.

        Raises:
            ValueError: if the range has no ends, or the new ones lie outside it (`replace` widens).
        """
        old = self[name].range
        if isinstance(old, Choices | Fixed):
            raise ValueError(f"{name} must have a range with two ends. Received: range={old}.")
        low, high = old.low if low is None else low, old.high if high is None else high
        for end, value in (("low", low), ("high", high)):
            if not old.low <= value <= old.high:
                raise ValueError(
                    f"{name}.{end} must be in [{old.low}, {old.high}]. Received: {end}={value!r}."
                )
        return self.replace(name, replace(old, low=low, high=high))

    def fix(self, name, value):
        """The space with one hyperparameter fixed at a value, which may lie outside its range."""
        old = self[name]
        if isinstance(value, str) != isinstance(old.default, str):
            raise ValueError(
                f"{name} must be fixed at a value like its default {old.default!r}. "
                f"Received: value={value!r}."
            )
        return self._with(replace(old, range=Fixed(value)))

    def override(self, name, entry):
        """The space with one hyperparameter changed as an entry of a TOML file would change it.

        Args:
            name: str.
            entry: a value that fixes it, a list of values to choose from, or a dict with some of
                `low, high, scale`, or `values`, or `fixed`, and with `default` and `priority`.

        Raises:
            ValueError: if the entry is no such thing or describes a range that cannot be.
        """
        return override(self, name, entry)

    def only(self, tiers):
        """The space with the hyperparameters of all other priorities fixed at their defaults.

        Args:
            tiers: collection of priorities, such as `(1, 2)`.
        """
        if not tiers or not set(tiers) <= set(PRIORITIES):
            raise ValueError(f"tiers must be some of 1, 2, 3, 4. Received: tiers={tiers!r}.")
        space = self
        for each in self:
            if each.priority not in tiers:
                space = space.fix(each.name, each.default)
        return space

    def _with(self, changed):
        return SearchSpace(changed if each.name == changed.name else each for each in self)

    @classmethod
    def from_toml(cls, path, default_space):
        """A space read from a TOML file that changes some entries of a default space.

        ```toml
        hidden_layers = 3                # fixed
        batch_size = [64, 128]           # one of these
        [learning_rate]                  # another range; what is not named stays
        low = 1e-3
        high = 0.1
        [sgd_momentum]
        scale = "linear"                 # or "logarithmic", "logarithmic complement"
        priority = 1
        default = 0.95
        ```

        Args:
            path: str or path of the file.
            default_space: `SearchSpace` whose hyperparameters the file may name.

        Returns:
            `SearchSpace`.

        Raises:
            ValueError: if the file is no TOML, names an unknown hyperparameter or key, or describes
                a range that cannot be; the message tells the file and the hyperparameter.
            OSError: if the file cannot be read.
        """
        space = default_space
        for name, entry in read_overrides(path).items():
            try:
                space = space.override(name, entry)
            except ValueError as error:
                raise ValueError(f"{path}: {name}: {error}") from None
        return space


def own_name(name):
    """A hyperparameter's own name from the one it has inside keras-tuner.

    `own_name("block/one_minus_momentum") == "block/momentum"`
    """
    scope, slash, last = name.rpartition("/")
    return f"{scope}{slash}{last.removeprefix(COMPLEMENT)}"


def own_values(hp):
    """What records show of any `keras_tuner.HyperParameters`: own names, no bookkeeping entries.

    Serves a foreign `build(hp)` as `SearchSpace.values` serves a space.

    Args:
        hp: `keras_tuner.HyperParameters`, such as a trial's.

    Returns:
        dict of own name to value; 1 - value where keras-tuner holds the complement.
    """
    return {
        own_name(name): value if own_name(name) == name else 1.0 - value
        for name, value in hp.values.items()
        if not name.startswith("tuner/")
    }
