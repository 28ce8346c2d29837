"""Several models trained side by side on the same batches, watched every few steps."""

import numpy as np

from tuning.stacked import Data, Grouping, Stack


class SideBySide:
    """Trains Keras models that are one program as a stack, each as if it were alone.

    What is compiled for one stack serves the next one of as many models.

    Args:
        x: `(examples, ...)` features.
        labels: `(examples,)` integer classes.
        validation: Optional `(x, labels)` to evaluate on each time.
        batch_size: Examples of a mini-batch. Default 64.
    """

    def __init__(self, x, labels, validation=None, batch_size=64):
        self.data, self.batch_size = Data(x, labels), batch_size
        self.validation = None if validation is None else Data(*validation)
        self._grouping = Grouping(self.data)

    def train(self, models, looks, every, seed=0):
        """Trains the models, and stops every few steps to be looked at.

        Args:
            models: Compiled Keras models that differ in widths and the optimiser's numbers only.
            looks: How often they are looked at.
            every: Mini-batches between two looks.
            seed: Decides the order of the examples, `default_rng([seed, epoch])` in each epoch.

        Yields:
            `(steps, logs, stack)`: mini-batches so far; `{name: (models,)}`, training metrics over
            the last `every` batches and `val_` ones of now; the `Stack` itself.
        """
        groups, reasons = self._grouping.group(models, [self.batch_size] * len(models))
        if reasons or len(groups) != 1:
            raise ValueError(f"models must be one program. Received: {reasons or len(groups)}.")
        group, evaluated = groups[0], self.validation and self.validation.evaluation_batch_size()
        stack = Stack(
            *(self._grouping.program(group), models, group.skeletons, self.batch_size, self.data),
            validation=self.validation,
            validation_batch_size=evaluated,
        )
        order = self._order(looks * every, seed)
        for number, part in enumerate(np.split(order, looks), 1):
            yield number * every, stack.train_epoch(part, seed=number), stack

    def curves(self, models, looks, every, seed=0):
        """Trains the models, as `train` does; returns `{name: (looks, models)}`."""
        logs = [logs for _, logs, _ in self.train(models, looks, every, seed)]
        return {name: np.stack([each[name] for each in logs]) for name in logs[0]}

    def watch(self, models, looks, every, seed=0):
        """Trains the models, as `train` does; yields the steps, with the state in the models."""
        for steps, _, stack in self.train(models, looks, every, seed):
            for place in range(len(models)):
                stack.write_back(place)
            yield steps

    def _order(self, steps, seed):
        """Rows of so many whole batches: epoch after epoch, without what is left of each."""
        whole = self.data.examples // self.batch_size * self.batch_size
        epochs = -(-steps * self.batch_size // whole)
        order = [self.data.order(True, seed, epoch)[:whole] for epoch in range(epochs)]
        return np.concatenate(order)[: steps * self.batch_size]
