# SPDX-License-Identifier: Apache-2.0
"""Sextant: learning rate, batch size and budget for large training runs.

    run = sextant.init(study="mine", config={"params_non_embedding": 25e6, "batch_size_tokens": 131072})
    run.log({"train_loss": 3.2, "learning_rate": 1e-3}, step=10)
    run.finish(loss=2.9)
    sextant.fit(study="mine", law="lr-power-nd")
    sextant.predict(params=7e9, tokens=1.4e12, study="mine")
    sextant.plan(flops=1e21, study="mine")

Only errors of your own calls (`predict`, `fit`, `runs`, ...) are raised, as `SextantError`; logging never raises.
"""
from sextant.connection import Connection, connect
from sextant.declarations import declare
from sextant.errors import SextantError
from sextant.fits import Fit, fit, fits
from sextant.plans import Plan, plan
from sextant.predictions import Prediction, Quantity, predict
from sextant.records import Columns, curve, runs, studies
from sextant.run import Run, init

__all__ = ["Columns", "Connection", "Fit", "Plan", "Prediction", "Quantity", "Run", "SextantError", "connect", "curve",
           "declare", "fit", "fits", "init", "plan", "predict", "runs", "studies"]
__version__ = "0.2.0"
