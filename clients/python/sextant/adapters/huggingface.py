# SPDX-License-Identifier: Apache-2.0
"""Hugging Face Trainer: Trainer(..., callbacks=[SextantCallback(study="mine")])."""
from typing import Any

import sextant


def _config(arguments: Any, model: Any) -> "dict[str, Any]":
    config: "dict[str, Any]" = {}
    for field, key in (("learning_rate", "learning_rate"), ("weight_decay", "weight_decay"), ("adam_beta1", "adam_beta1"),
                       ("adam_beta2", "adam_beta2"), ("warmup_steps", "warmup_steps"), ("seed", "seed"),
                       ("lr_scheduler_type", "schedule"), ("optim", "optimizer")):
        value = getattr(arguments, field, None)
        if value is not None:
            config[key] = value if isinstance(value, (int, float)) else str(getattr(value, "value", value))
    if model is not None and hasattr(model, "num_parameters"):
        config["params_total"] = model.num_parameters()
        config["params_non_embedding"] = model.num_parameters(exclude_embeddings=True)
    return config


def SextantCallback(study: str, **options: Any) -> Any:  # named as the class that it returns an instance of
    """A TrainerCallback that logs to `study`; options: those of sextant.init (config wins over what the Trainer says)."""
    from transformers import TrainerCallback

    class Callback(TrainerCallback):
        def __init__(self) -> None:
            self.run: Any = None

        def on_train_begin(self, args, state, control, model=None, **_):
            if state.is_world_process_zero and self.run is None:
                settings = dict(options)
                config = {**_config(args, model), **settings.pop("config", {})}
                self.run = sextant.init(study=study, config=config, **settings)

        def on_log(self, args, state, control, logs=None, **_):
            # The last entry sums the training up (train_loss is a mean over all of it): not a point of the curve.
            if self.run is not None and logs and "train_runtime" not in logs:
                self.run.log(dict(logs), step=state.global_step)

        def on_train_end(self, args, state, control, **_):
            if self.run is not None:
                done = state.max_steps <= 0 or state.global_step >= state.max_steps
                self.run.finish(state="finished" if done else "crashed")

    return Callback()
