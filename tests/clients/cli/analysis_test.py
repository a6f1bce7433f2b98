# SPDX-License-Identifier: Apache-2.0
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

    def extrapolate(self, rows, at):
        path = self.curve_csv("hard.csv", rows)
        answer = self.run_json("curves", "extrapolate", path, "--x", "examples", "--y", "error", "--at", at)
        for point in answer["points"]:
            self.assertTrue(0 < point["low"] <= point["value"] <= point["high"] < math.inf, point)
        return answer

    def test_answers_any_x_from_messy_curves_and_echoes_it(self):
        asked = ["0.5", "3", "123456789.123", "1e12", "1e300", "1e-300"]
        rows = [(10.0 ** k, 2.0 * 10.0 ** (-0.05 * k)) for k in (12, 3, 6, 6, 9, 4)]
        answer = self.extrapolate(rows + [(1e5, 0), (1e7, -1), (0, 3), (-5, 2), ("nan", 1), (1e8, "inf"), (1e8, "x")],
                                  ",".join(asked))
        self.assertEqual([point["x"] for point in answer["points"]], [float(x) for x in asked])
        self.assertEqual(answer["points_used"], 6)
        path = self.curve_csv("x.csv", rows)
        out, _ = self.run_cli("curves", "extrapolate", path, "--x", "examples", "--y", "error", "--at", "123456789.123")
        self.assertIn("123456789.123", out)

    def test_answers_for_three_points_for_a_level_curve_and_for_a_million_points(self):
        self.extrapolate([(1, 3), (2, 2.5), (4, 2.2)], "8")
        level = self.extrapolate([(2 ** k, 0.5) for k in range(8)], "1000")["points"][0]["value"]
        self.assertAlmostEqual(level, 0.5, delta=0.01)
        many = [(k, 1 + 3 * k ** -0.3) for k in range(1, 1_000_001)]
        many[500_000] = (500_001, -1)
        many.reverse()
        value = self.extrapolate(many, "2e6")["points"][0]["value"]
        self.assertAlmostEqual(value / (1 + 3 * 2e6 ** -0.3), 1, delta=0.01)

    def test_curves_that_cannot_be_used_are_refused(self):
        for at in ("0", "-1"):
            _, err = self.run_cli("curves", "extrapolate", self.curve_csv("c.csv", [(1, 3), (2, 2), (4, 1)]), "--x",
                                  "examples", "--y", "error", "--at=10," + at, code=64 + 3)
            self.assertIn("at[1] is " + at, err)
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
        self.assertIn("held out: " + laws["laws"][0]["law"], laws["verdict"])
        _, err = self.run_cli("fits", "compare", "--study", "s", "--law", "loss-chinchilla", "--law", "loss-kaplan")
        self.assertIn("least error on the largest scales", err)

    def test_the_loss_is_that_of_each_cells_best_setting_or_of_one_asked_for(self):
        self.import_calibration()
        best = self.run_json("fits", "create", "--study", "c", "--law", "loss-chinchilla", "--bootstrap", 20)
        every = self.run_json("fits", "create", "--study", "c", "--law", "loss-chinchilla", "--bootstrap", 20, "--runs", "all")
        self.assertEqual((best["runs"], every["runs"]), ("cell-best", "all"))
        self.assertLess(best["runs_used"], every["runs_used"])
        self.assertEqual(best["runs_considered"], every["runs_used"])
        at = ["predict", "--params", "4e6", "--tokens", "6e7"]
        loss = {fit["runs"]: self.run_json(*at, "--fit", fit["name"])["predictions"][0]["loss"]
                for fit in (best, every)}
        self.assertLess(loss["cell-best"]["value"], loss["all"]["value"])
        self.assertLessEqual(loss["cell-best"]["low"], loss["cell-best"]["parameter_low"])
        self.run_cli("fits", "create", "--study", "c", "--law", "loss-chinchilla", "--runs", "some", code=64 + 3)

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

    def test_odd_curves_are_imported_shown_and_forecast_or_refused(self):
        steps = [5 * k for k in range(1, 161)]
        curves = {"one": steps[:1], "nan": steps, "gap": steps[:40] + steps[90:], "back": steps[:100] + steps[60:],
                  "down": steps[::-1]}
        runs = pathlib.Path(self.folder) / "runs.csv"
        runs.write_text("run_id,params_non_embedding,tokens,learning_rate,batch_size_tokens,steps,loss_nats\n" +
                        "".join(f"{name},1e6,1e8,1e-3,1e5,1000,2\n" for name in curves))
        path = pathlib.Path(self.folder) / "curves.csv"
        path.write_text("run_id,step,train_loss\n" + "".join(
            f"{name},{step},{'nan' if name == 'nan' and step % 35 == 0 else 5 * step ** -0.2}\n"
            for name, rows in curves.items() for step in rows))
        self.run_cli("runs", "import", runs, "--curves", path, "--study", "odd", "--create-study")
        expected = {"one": 1, "nan": 160, "gap": 110, "back": 160, "down": 160}
        for name, points in expected.items():
            self.assertEqual(len(self.run_json("runs", "curve", "--study", "odd", name)["step"]), points, name)
            if name == "one":
                self.run_cli("predict", "--study", "odd", "--run", name, code=64 + 9)
                continue
            loss = self.run_json("predict", "--study", "odd", "--run", name)["loss"]
            self.assertTrue(1 < loss["low"] < loss["value"] < loss["high"] < 5 * 800 ** -0.2 * 1.1, (name, loss))

    def test_fits_laws_of_the_critical_batch_to_a_table_of_steps(self):
        # Zhang et al. 2024, arXiv 2410.21676: the sizes 85M, 302M and 1.2B.
        steps = {85e6: (3.42, 46000, 13282, 3840, 1917, 1600), 302e6: (3.07, 196000, 46000, 13300, 4980, 2879),
                 1.2e9: (2.736, 642000, 176000, 46500, 15360, 6500)}
        path = pathlib.Path(self.folder) / "steps.csv"
        path.write_text("N,batch,steps,loss\n" + "".join(
            f"{int(size)},{64 * 4 ** k * 512},{count},{row[0]}\n"
            for size, row in steps.items() for k, count in enumerate(row[1:])))
        self.run_cli("runs", "import", path, "--study", "z", "--create-study", "--map", "params_non_embedding=N",
                     "--map", "batch_size_tokens=batch", "--map", "steps=steps", "--map", "loss_nats=loss")
        cells = self.run_json("critical-batch", "estimate", "--study", "z", "--overhead-anchor-tokens", 131072)["cells"]
        self.assertEqual({cell["source"] for cell in cells}, {"at-the-end"})
        fit = self.run_json("fits", "create", "--study", "z", "--law", "cbs-power-n", "--estimator", "overhead",
                            "--overhead-anchor-tokens", 131072)
        self.assertEqual(fit["estimator"], "overhead")
        self.assertAlmostEqual(fit["parameters"][1]["estimate"], 0.468, delta=0.02)
        answer = self.run_json("predict", "--study", "z", "--params", "1.2e9", "--tokens", "1e10")["predictions"][0]
        self.assertEqual(answer["critical_batch_definition"], "overhead")
        self.assertAlmostEqual(answer["critical_batch_size_tokens"]["value"] / 512 / 2578, 1, delta=0.05)
        self.run_cli("fits", "create", "--study", "z", "--law", "cbs-power-n", "--estimator", "band", code=64 + 3)
        self.run_cli("fits", "create", "--study", "z", "--law", "cbs-power-n", "--estimator", "noise-scale", code=4)

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
