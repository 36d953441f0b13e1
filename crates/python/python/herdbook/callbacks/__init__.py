"""Callbacks for training frameworks, a module each, which imports its framework.

- `herdbook.callbacks.lightning.HerdbookLogger` for PyTorch Lightning
- `herdbook.callbacks.transformers.HerdbookCallback` for the Hugging Face Trainer
- `herdbook.callbacks.keras.HerdbookCallback` for Keras
- `herdbook.callbacks.sklearn.fit` for scikit-learn
- `herdbook.callbacks.xgboost.HerdbookCallback` for XGBoost
- `herdbook.callbacks.lightgbm.HerdbookCallback` for LightGBM

All log to the run that they are given, or to the current one, or begin one. A run that they begin, they end. Where the
framework allows it, training stops when somebody asks the run to stop (`herdbook runs stop`).
"""

from collections.abc import Mapping
from typing import Any

from ..run import Run, current_run, resume, start_run

_SIMPLE = (bool, int, float, str, type(None))


class Target:
    """The run that a callback logs to. With `goes_on` what comes after its end goes to it too, not to another one, as
    when a model is tested after it was trained."""

    def __init__(self, run: Run | None, experiment: str, *, goes_on: bool = False) -> None:
        self._given, self._experiment, self._goes_on = run, experiment, goes_on
        self._run: Run | None = None
        self._ended: str | None = None

    @property
    def id(self) -> str:
        """Id of the run, also once it was ended."""
        return self._ended or self.run.id

    @property
    def run(self) -> Run:
        """The run, which begins when it is first needed."""
        if self._run is None and self._ended:
            self._run = resume(self._ended)
        if self._run is None:
            self._run = self._given or current_run() or start_run(self._experiment)
            self._own = self._run is not self._given and self._run is not current_run()
        return self._run

    def finish(self, status: str = "FINISHED") -> None:
        """Ends the run if it was begun here."""
        if self._run is not None and self._own:
            self._run.finish(status)
            self._ended = self._run.id if self._goes_on else None
            self._run = None


def simple(values: Mapping[str, Any]) -> dict[str, Any]:
    """What of some settings is a number, a text, a switch or nothing, or a list of such, and not long."""
    kept: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            kept[key] = simple(value)
        elif isinstance(value, _SIMPLE) or (
            isinstance(value, (list, tuple)) and all(isinstance(one, _SIMPLE) for one in value)
        ):
            if len(str(value)) <= 1000:
                kept[key] = value
    return kept
