# SPDX-License-Identifier: Apache-2.0
"""Sextant: learning rate, batch size and budget for large training runs.

    run = sextant.init(study="mine", config={"params_non_embedding": 25e6, "batch_size_tokens": 131072})
    run.log({"train_loss": 3.2, "learning_rate": 1e-3}, step=10)
    run.finish(loss=2.9)
    sextant.fit(study="mine", law="lr-power-nd")
    sextant.predict(params=7e9, tokens=1.4e12, study="mine")
    sextant.plan(flops=1e21, study="mine")
    sextant.suggest(study="mine", target_params=7e9, target_tokens=1.4e12, budget_flops=1e20)
    sextant.compare("baseline", "candidate")

Only errors of your own calls (`predict`, `fit`, `runs`, ...) are raised, as `SextantError`; logging never raises.
"""
from sextant.charts import Series, Svg, chart
from sextant.comparisons import Comparison, Scores, compare, compare_fits
from sextant.connection import Connection, connect
from sextant.declarations import declare
from sextant.errors import SextantError
from sextant.fits import Fit, fit, fits, law_chart
from sextant.plans import Plan, plan
from sextant.predictions import Prediction, Quantity, predict
from sextant.records import Columns, Curve, curve, runs, studies
from sextant.run import Run, init
from sextant.suggestions import Suggestion, suggest

__all__ = ["Columns", "Comparison", "Connection", "Curve", "Fit", "Plan", "Prediction", "Quantity", "Run", "Scores",
           "Series", "SextantError", "Suggestion", "Svg", "chart", "compare", "compare_fits", "connect", "curve",
           "declare", "fit", "fits", "init", "law_chart", "plan", "predict", "runs", "studies", "suggest"]
__version__ = "0.2.0"
