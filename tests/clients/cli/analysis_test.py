"""Comparisons, penalty grids, curve extrapolation, forecasts and critical batches, on the sweep that ships."""
import math
import os
import pathlib
import unittest

from cli_support import CliTest

CALIBRATION = pathlib.Path(os.environ["SEXTANT_SOURCE_DIR"]) / "data/calibration/h100-bytes-t128"


class AnalysisTest(CliTest):
    def import_calibration(self):
        self.run_cli("runs", "import", CALIBRATION / "runs.csv", "--curves", CALIBRATION / "curves.csv", "--study", "c",
                     "--create-study", *sum([["--map", f"{field}={column}"] for field, column in (
                         ("run_id", "run_id"), ("params_non_embedding", "params_non_embedding"), ("tokens", "tokens"),
                         ("learning_rate", "learning_rate"), ("batch_size_tokens", "batch_size_tokens"),
                         ("steps", "steps"), ("warmup_steps", "warmup_steps"), ("loss_nats", "val_loss_nats"))], []))

    def curve_csv(self, name, rows):
        path = pathlib.Path(self.folder) / name
        path.write_text("examples,error\n" + "".join(f"{x},{y}\n" for x, y in rows))
        return path

    def test_extrapolates_a_power_law_with_a_floor_and_echoes_x(self):
        path = self.curve_csv("curve.csv", [(2.0 ** k, 3 * 2.0 ** (-0.4 * k) + 0.2) for k in range(4, 16)])
        answer = self.run_json("curves", "extrapolate", path, "--x", "examples", "--y", "error", "--at", "1048576,2^22")
        self.assertEqual([point["x"] for point in answer["points"]], [1048576, 4194304])
        for point in answer["points"]:
            truth = 3 * point["x"] ** -0.4 + 0.2
            self.assertLess(abs(math.log(point["value"] / truth)), 0.05)
            self.assertLess(point["low"], point["value"])
            self.assertGreater(point["high"], point["value"])

    def test_curves_that_cannot_be_used_are_refused(self):
        short = self.curve_csv("short.csv", [(1, 2), (2, 1)])
        _, err = self.run_cli("curves", "extrapolate", short, "--x", "examples", "--y", "error", "--at", "10",
                              code=64 + 9)
        self.assertIn("three", err)
        _, err = self.run_cli("curves", "extrapolate", short, "--x", "example", "--y", "error", "--at", "10", code=1)
        self.assertIn("did you mean", err)
        self.run_cli("curves", "extrapolate", short, "--x", "examples", "--y", "error", "--at", "ten", code=2)
        self.run_cli("curves", "extrapolate", "nowhere.csv", "--x", "x", "--y", "y", "--at", "1", code=1)

    def test_compares_estimators_and_laws(self):
        self.make_study()
        scores = self.run_json("fits", "compare", "--study", "s", "--estimator", "band", "--estimator", "argmin")
        self.assertEqual({score["estimator"] for score in scores["estimators"]}, {"band", "argmin"})
        for score in scores["estimators"]:
            self.assertGreaterEqual(score["max_excess_pct"], score["mean_excess_pct"])
        laws = self.run_json("fits", "compare", "--study", "s", "--law", "loss-chinchilla", "--law", "loss-kaplan")
        self.assertEqual({law["law"] for law in laws["laws"]}, {"loss-chinchilla", "loss-kaplan"})

    def test_prices_a_wrong_choice(self):
        self.make_study()
        self.run_cli("fits", "create", "--study", "s", "--law", "lr-power-nd", "--estimator", "surface", "--bootstrap", 20)
        grid = self.run_json("predict", "--study", "s", "--params", "4e6", "--tokens", "4e8", "--penalty-grid",
                             "--grid-rate", "1e-4", "--grid-rate", "3e-3", "--grid-batch", "64K")
        self.assertEqual(len(grid["points"]), 2)
        for point in grid["points"]:
            self.assertGreaterEqual(point["expected"], 0)
        self.run_cli("predict", "--penalty-grid", "--params", "4e6", "--tokens", "4e8", code=2)

    def test_forecasts_a_run_and_says_when_it_is_too_early(self):
        self.import_calibration()
        run = "d256-L6-B16384-D71991296-lr0.002"
        answer = self.run_json("predict", "--study", "c", "--run", run, "--use-share", "0.5")
        self.assertLess(abs(math.log(answer["loss"]["value"] / 1.02)), 0.1)
        self.assertLess(answer["loss"]["low"], answer["loss"]["high"])
        self.assertAlmostEqual(answer["share_done"], 0.5, delta=0.02)
        self.run_cli("predict", "--study", "c", "--run", run, "--use-share", "0.01", code=64 + 9)

    def test_measures_critical_batches_and_names_the_definition(self):
        self.import_calibration()
        answer = self.run_json("critical-batch", "estimate", "--study", "c")
        self.assertGreaterEqual(len(answer["cells"]), 3)
        for cell in answer["cells"]:
            for estimate in cell["estimates"]:
                self.assertIn(estimate["definition"], ("hyperbola", "overhead", "minimum-compute", "noise-scale"))
                self.assertTrue("batch_size_tokens" in estimate or estimate["reason"])


if __name__ == "__main__":
    unittest.main()
