"""Hugging Face Trainer: `Trainer(..., callbacks=[HerdbookCallback()])`, with `report_to="none"` for no others."""

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ..run import Run
from . import Target, simple


class HerdbookCallback(TrainerCallback):
    """Logs what the Trainer logs by global step, and its arguments and the model's configuration as params."""

    def __init__(self, run: Run | None = None, *, experiment: str = "transformers") -> None:
        self._target = Target(run, experiment, goes_on=True)
        self._is_training = False

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **_: Any
    ) -> None:
        """Sets params."""
        self._is_training = True
        if state.is_world_process_zero:
            params = simple(args.to_sanitized_dict())
            config = getattr(model, "config", None)
            if config is not None:
                params["model"] = simple(config.to_dict())
            self._target.run.set_params(params)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl,
        logs: dict[str, Any] | None = None, **_: Any,
    ) -> None:  # fmt: skip
        """Logs metrics."""
        if state.is_world_process_zero:
            numbers = {key: value for key, value in (logs or {}).items() if isinstance(value, (int, float))}
            self._target.run.log(numbers, state.global_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Stops if somebody asked for it."""
        if state.is_world_process_zero and self._target.run.stop_requested:
            control.should_training_stop = True

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Ends a run that was begun here."""
        self._is_training = False
        if state.is_world_process_zero:
            self._target.finish()

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Ends a run that is evaluated apart from its training."""
        if state.is_world_process_zero and not self._is_training:
            self._target.finish()
