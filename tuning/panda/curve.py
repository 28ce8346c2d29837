"""The loss of every step of a training, however long, in a bounded number of points."""


class LossCurve:
    """Means of blocks of steps; when there are too many, blocks are joined two by two.

    Args:
        most: Points to keep, an even number.
        content: What `content` said, of a curve to go on with.
    """

    def __init__(self, most=2000, content=None):
        self.most = most
        self.stride, self.steps, self.losses, self._block = 1, [], [], []
        if content:
            self.stride, self.steps = content["stride"], content["steps"]
            self.losses, self._block = content["losses"], content["block"]

    def add(self, step, loss):
        """Adds one step."""
        self._block.append(loss)
        if len(self._block) == self.stride:
            self.steps.append(step)
            self.losses.append(sum(self._block) / self.stride)
            self._block = []
            if len(self.steps) == self.most:
                self._join()

    def last(self, points):
        """The last losses, at most so many."""
        return self.losses[-points:]

    def content(self):
        """The curve, JSON-like."""
        return {
            "stride": self.stride,
            "steps": [*self.steps],
            "losses": [*self.losses],
            "block": [*self._block],
        }

    def _join(self):
        pairs = zip(self.losses[::2], self.losses[1::2], strict=True)
        self.losses = [(first + second) / 2 for first, second in pairs]
        self.steps, self.stride = self.steps[1::2], 2 * self.stride
