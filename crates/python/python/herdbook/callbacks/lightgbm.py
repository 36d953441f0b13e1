"""LightGBM: `lightgbm.train(..., callbacks=[HerdbookCallback()])`, or the same in an estimator's `fit`."""

from typing import Any

from lightgbm.callback import CallbackEnv, EarlyStopException

from ..run import Run
from . import Target, simple


class HerdbookCallback:
    """Logs evaluations by round as `<data>/<metric>`, and the params of the training.

    LightGBM does not tell callbacks of the end: a run that was begun here ends with its last round.
    """

    order = 30
    before_iteration = False

    def __init__(self, run: Run | None = None, *, experiment: str = "lightgbm") -> None:
        self._target, self._begun = Target(run, experiment), False

    def __call__(self, env: CallbackEnv) -> None:
        run = self._target.run
        if not self._begun:
            self._begun = True
            run.set_params(simple(env.params or {}))
        row: dict[str, Any] = {}
        for data, metric, value, _, *deviation in env.evaluation_result_list or []:
            row.setdefault(data, {})[metric] = value
            if deviation:
                row[data][f"{metric}-std"] = deviation[0]
        run.log(row, env.iteration)
        if run.stop_requested:
            raise EarlyStopException(env.iteration, env.evaluation_result_list or [])
        if env.iteration + 1 == env.end_iteration:
            self._target.finish()
            self._begun = False
