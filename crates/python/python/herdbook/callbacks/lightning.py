"""PyTorch Lightning: `Trainer(logger=HerdbookLogger())`."""

import re
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

try:
    from lightning.pytorch.loggers.logger import Logger
    from lightning.pytorch.utilities.rank_zero import rank_zero_only
except ImportError:
    from pytorch_lightning.loggers.logger import Logger
    from pytorch_lightning.utilities.rank_zero import rank_zero_only

from ..run import Run
from . import Target, simple


class HerdbookLogger(Logger):
    """Logs metrics by global step, hyperparameters as params, and with `checkpoints` the best checkpoint as a file."""

    def __init__(self, run: Run | None = None, *, experiment: str = "lightning", checkpoints: bool = False) -> None:
        super().__init__()
        self._target = Target(run, experiment, goes_on=True)
        self._experiment, self._checkpoints = experiment, checkpoints
        self._checkpoint: Any = None

    @property
    def experiment(self) -> Run:
        """The run."""
        return self._target.run

    @property
    def name(self) -> str:
        """Name of the experiment, as a folder can be called: Lightning keeps checkpoints by it."""
        return re.sub(r"[^\w.-]+", "-", self._experiment)

    @property
    def version(self) -> str:
        """Id of the run."""
        return self._target.id

    @rank_zero_only
    def log_hyperparams(self, params: Mapping[str, Any] | Namespace, *_: Any, **__: Any) -> None:
        """Sets params."""
        self._target.run.set_params(simple(vars(params) if isinstance(params, Namespace) else params))

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Logs metrics."""
        self._target.run.log(dict(metrics), step)

    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        """Notes whose checkpoint is the best."""
        self._checkpoint = checkpoint_callback

    @rank_zero_only
    def save(self) -> None:
        """Nothing: points travel by themselves."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Ends a run that was begun here."""
        best = getattr(self._checkpoint, "best_model_path", "")
        if self._checkpoints and best:
            self._target.run.log_artifact(best, f"checkpoint/{Path(best).name}")
            self._checkpoint = None
        self._target.finish("FINISHED" if status == "success" else "FAILED")
