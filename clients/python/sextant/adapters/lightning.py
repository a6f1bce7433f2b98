# SPDX-License-Identifier: Apache-2.0
"""Lightning: Trainer(logger=SextantLogger(study="mine"))."""
from typing import Any

import sextant


def SextantLogger(study: str, **options: Any) -> Any:  # named as the class that it returns an instance of
    """A Lightning Logger that logs to `study`; options: those of sextant.init."""
    try:
        from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
        from lightning.pytorch.utilities import rank_zero_only
    except ImportError:
        from pytorch_lightning.loggers.logger import Logger, rank_zero_experiment
        from pytorch_lightning.utilities import rank_zero_only

    class StudyLogger(Logger):
        def __init__(self) -> None:
            super().__init__()
            self._config: "dict[str, Any]" = {}
            self._run: Any = None

        @property
        def name(self) -> str:
            return study

        @property
        def version(self) -> str:
            return self._run.name if self._run is not None else ""

        @property
        @rank_zero_experiment
        def experiment(self) -> Any:
            if self._run is None:
                settings = dict(options)
                config = {**self._config, **settings.pop("config", {})}
                self._run = sextant.init(study=study, config=config, **settings)
            return self._run

        @rank_zero_only
        def log_hyperparams(self, params: Any, *_: Any, **__: Any) -> None:
            self._config.update(params if isinstance(params, dict) else vars(params))

        @rank_zero_only
        def log_metrics(self, metrics: "dict[str, float]", step: "int | None" = None) -> None:
            self.experiment.log(metrics, step=step)

        @rank_zero_only
        def finalize(self, status: str) -> None:
            if self._run is not None:
                self._run.finish(state="finished" if status in ("success", "finished") else "crashed")

    return StudyLogger()
