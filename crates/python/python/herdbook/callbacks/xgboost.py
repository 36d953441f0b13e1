"""XGBoost: `xgboost.train(..., callbacks=[HerdbookCallback()])`, or the same in the constructor of an estimator."""

import json
from typing import Any

from xgboost.callback import TrainingCallback

from ..run import Run
from . import Target


class HerdbookCallback(TrainingCallback):
    """Logs evaluations by round as `<data>/<metric>`, and the booster's configuration as params."""

    def __init__(self, run: Run | None = None, *, experiment: str = "xgboost") -> None:
        super().__init__()
        self._target = Target(run, experiment)

    def before_training(self, model: Any) -> Any:
        """Sets params."""
        config = json.loads(model.save_config())["learner"]
        params = {"objective": config["objective"]["name"]}
        for part in config["gradient_booster"].values():
            if isinstance(part, dict):
                params |= {key: value for key, value in part.items() if isinstance(value, str)}
        self._target.run.set_params(params)
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, dict[str, list[Any]]]) -> bool:
        """Logs metrics of a round. Whether to stop: if somebody asked for it."""
        row: dict[str, Any] = {}
        for data, metrics in evals_log.items():
            # With cross-validation each value is a pair of mean and deviation.
            last = {metric: values[-1] for metric, values in metrics.items()}
            row[data] = {
                name: number
                for metric, value in last.items()
                for name, number in (
                    [(metric, value[0]), (f"{metric}-std", value[1])] if isinstance(value, tuple) else [(metric, value)]
                )
            }
        self._target.run.log(row, epoch)
        return self._target.run.stop_requested

    def after_training(self, model: Any) -> Any:
        """Ends a run that was begun here."""
        self._target.finish()
        return model
