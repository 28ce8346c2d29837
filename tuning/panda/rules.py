"""What may be done to a training without asking a person."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Rules:
    """What the babysitter may do by itself."""

    auto: bool = False
    """Whether advice is acted on, at a standstill by a fork; and whether a range test is made when
    cutting the learning rate did not help. Otherwise advice is only told."""
    find_learning_rate: bool = False
    """Whether to begin with the learning rate that a range test suggests."""
    fork: bool = False
    """Whether to fork at the first standstill even without `auto`."""
    cut: float = 1 / 3
    """What the guard multiplies the learning rate by, in (0, 1)."""
    retries: int = 3
    """How often it does so until the training has been calm for some epochs, 0 or more."""
    forks: int = 1
    """How many forks a training may have with `auto`, 0 or more."""

    def __post_init__(self):
        """Refuses values outside their range."""
        if not 0 < self.cut < 1:
            raise ValueError(f"cut must be in (0, 1). Received: cut={self.cut}.")
        for name in ("retries", "forks"):
            if getattr(self, name) < 0:
                raise ValueError(
                    f"{name} must be 0 or more. Received: {name}={getattr(self, name)}."
                )
