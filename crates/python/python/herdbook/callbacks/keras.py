"""Keras: `model.fit(..., callbacks=[HerdbookCallback()])`."""

from typing import Any

import keras

from ..run import Run
from . import Target, simple


class HerdbookCallback(keras.callbacks.Callback):
    """Logs metrics by epoch, with `every` also each so many batches under `batch/`, and the optimizer as params."""

    def __init__(self, run: Run | None = None, *, experiment: str = "keras", every: int | None = None) -> None:
        super().__init__()
        self._target, self._every, self._batches = Target(run, experiment), every, 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Sets params."""
        params = {**self.params, "model": self.model.name, "parameters": self.model.count_params()}
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is not None:
            params["optimizer"] = optimizer.get_config()
        self._target.run.set_params(simple(params))

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Logs metrics of a batch."""
        if self._every and self._batches % self._every == 0:
            self._target.run.log({"batch": dict(logs or {})}, self._batches)
        self._batches += 1

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Logs metrics of an epoch; stops if somebody asked for it."""
        self._target.run.log(dict(logs or {}), epoch)
        if self._target.run.stop_requested:
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Ends a run that was begun here."""
        self._target.finish()
