# SPDX-License-Identifier: Apache-2.0
"""Sweeps that leave something out: a sensible answer or a clear refusal, never a number out of nowhere."""
import math
import os
import pathlib
import random
import unittest

from cli_support import CliTest

CALIBRATION = pathlib.Path(os.environ["SEXTANT_SOURCE_DIR"]) / "data/calibration"
SIZES, HORIZONS = (2.5e7, 5e7, 1e8, 2e8), (1e9, 4e9, 1.6e10)


def best(n, d):
    return 2e-3 * (n / 1e8)**-0.5 * (d / 4e9)**0.2, 2e5 * (n / 1e8)**0.05 * (d / 4e9)**0.55


def sweep(sizes=SIZES, horizons=HORIZONS, step=2.0, reach=3, rates=True, batches=True, missing=0.0, highest=9.0, experts=(1,)):
    """Rows of a sweep on powers of `step`; rates stop `highest` natural logarithms above the best one."""
    draw = random.Random(7)
    rows = []
    for n in sizes:
        for d in horizons:
            if draw.random() < missing:
                continue
            rate, batch = best(n, d)
            middle = [round(math.log(value) / math.log(step)) for value in (rate, batch)]
            for i in range(-reach, reach + 1) if rates else (0,):
                for j in range(-reach, reach + 1) if batches else (0,):
                    x = step**(middle[0] + i) if rates else rate
                    y = step**(middle[1] + j) if batches else batch
                    u, v = math.log(x / rate), math.log(y / batch)
                    along = u - 0.5 * v
                    excess = 0.01 * along**2 * (1.6 if along > 0 else 1) + 0.006 * v**2 + draw.gauss(0, 0.001)
                    if u < highest:
                        rows += [(n, n * count, d, x, y, (1.7 + 400 / n**0.34 + 400 / d**0.28) * math.exp(excess) / count**0.05)
                                 for count in experts]
    return rows


class OddSweepsTest(CliTest):
    def study(self, rows, count="active"):
        self.run_cli("studies", "create", "s", "--param-count", count)
        header = "params_active,params_total,tokens,learning_rate,batch_size_tokens,loss_nats\n"
        path = self.write("s.csv", header + "".join(",".join(map(repr, row)) + "\n" for row in rows))
        self.run_cli("runs", "import", path, "--study", "s")

    def fit(self, law, code=0):
        out = self.run_cli("fits", "create", "--study", "s", "--law", law, "--bootstrap", 40, code=code)
        return "".join(out)

    def check_answer(self, n=4e8, d=3.2e10, rate=True, batch=True, within=2.0):
        """The study's prediction, finite and near the truth."""
        answer = self.run_json("predict", "--study", "s", "--params", n, "--tokens", d)["predictions"][0]
        for asked, name, truth in zip((rate, batch), ("learning_rate", "batch_size_tokens"), best(n, d)):
            self.assertEqual(asked, name in answer)
            if asked:
                value = answer[name]
                self.assertTrue(all(math.isfinite(v) and v > 0 for v in value.values()), value)
                self.assertLessEqual(value["low"], value["value"])
                self.assertGreaterEqual(value["high"], value["value"])
                self.assertLess(abs(math.log(value["value"] / truth)), math.log(within), (name, value, truth))

    def test_a_third_of_the_cells_missing(self):
        self.study(sweep(missing=0.35))
        self.fit("lr-power-nd")
        self.fit("batch-power-nd")
        self.check_answer()

    def test_only_the_learning_rate_swept(self):
        self.study(sweep(batches=False))
        self.assertIn("batch_size_tokens was not swept", self.fit("lr-power-nd"))
        self.assertIn("only learning_rate was swept", self.fit("batch-power-nd", code=4))
        self.check_answer(batch=False)
        grid = self.run_json("predict", "--study", "s", "--params", 4e8, "--tokens", 3.2e10, "--penalty-grid")
        self.assertEqual(len(grid["points"]), 5, "the axis that was not swept has one value")
        scores = self.run_json("fits", "compare", "--study", "s", "--estimator", "band")["estimators"]
        self.assertTrue(all(0 <= score["mean_excess_pct"] < 1 for score in scores))

    def test_only_the_batch_swept(self):
        self.study(sweep(rates=False))
        self.fit("batch-power-nd")
        self.assertIn("only batch_size_tokens was swept", self.fit("lr-power-nd", code=4))
        self.check_answer(rate=False)

    def test_one_size(self):
        self.study(sweep(sizes=(1e8,), horizons=(1e9, 4e9, 1.6e10, 6.4e10)))
        self.assertIn("params takes one value", self.fit("lr-power-nd", code=4))
        self.fit("lr-power-d")
        self.fit("batch-power-d")
        self.check_answer(n=1e8, d=1e11)

    def test_two_sizes(self):
        self.study(sweep(sizes=(1e8, 2e8)))
        self.assertIn("weakly determined", self.fit("lr-power-nd"))
        self.fit("batch-power-nd")
        self.check_answer()

    def test_a_very_coarse_grid(self):
        self.study(sweep(step=8.0, reach=1))
        self.fit("lr-power-nd")
        self.fit("batch-power-nd")
        self.check_answer(within=3.0)

    def test_every_best_rate_on_the_edge(self):
        self.study(sweep(highest=-0.7))
        self.assertIn("the optimum lies beyond the grid; add runs at higher values", self.fit("lr-power-nd", code=4))
        self.fit("batch-power-nd")

    def test_mixtures_of_experts_of_few_sizes(self):
        rows = sweep(sizes=(5e7, 1e8), experts=(8, 16))
        self.study(rows)
        self.fit("lr-power-nd")
        self.fit("batch-power-nd")
        self.check_answer(n=2e8, d=3.2e10)
        self.assertEqual(self.run_json("studies", "cells", "s")["cell_count"], 12)

    def test_everything_diverged(self):
        self.study([(*row[:5], math.nan) for row in sweep()])
        self.assertIn("no finished run", self.fit("lr-power-nd", code=4))
        self.run_cli("fits", "compare", "--study", "s", code=4)

    def test_the_shipped_sweeps(self):
        self.run_cli("runs", "import", CALIBRATION / "h100-bytes-t128/runs.csv", "--format", "csv", "--study", "s", "--create-study",
                     *sum([["--map", f"{field}={column}"] for field, column in (
                         ("run_id", "run_id"), ("params_non_embedding", "params_non_embedding"), ("tokens", "tokens"),
                         ("learning_rate", "learning_rate"), ("batch_size_tokens", "batch_size_tokens"),
                         ("loss_nats", "val_loss_nats"))], []))
        self.fit("lr-power-nd")
        self.assertIn("the optimum may lie below the grid", self.fit("batch-power-nd"))
        answer = self.run_json("predict", "--study", "s", "--params", 2e7, "--tokens", 4e8)["predictions"][0]
        self.assertTrue(1e-5 < answer["learning_rate"]["value"] < 1e-2)
        self.assertTrue(1e3 < answer["batch_size_tokens"]["value"] < 1e6)
        for score in self.run_json("fits", "compare", "--study", "s", "--estimator", "surface")["estimators"]:
            self.assertGreaterEqual(score["mean_excess_pct"], 0)


if __name__ == "__main__":
    unittest.main()
