# SPDX-License-Identifier: Apache-2.0
"""torchtitan: SextantLogger(study="mine") has the methods of its BaseLogger."""
from typing import Any, Mapping

import sextant

# torchtitan's names for what curves hold.
NAMES = {"loss_metrics/global_avg_loss": "train_loss", "validation_metrics/loss": "validation_loss",
         "optim/lr": "learning_rate", "lr": "learning_rate", "n_tokens_seen": "tokens"}


class SextantLogger:
    """log(metrics, step) and close(), as torchtitan calls them. options: those of sextant.init."""

    def __init__(self, study: str, **options: Any):
        self.run = sextant.init(study=study, **options)

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        self.run.log({NAMES.get(name, name): value for name, value in metrics.items()}, step=step)

    def close(self) -> None:
        self.run.finish()
