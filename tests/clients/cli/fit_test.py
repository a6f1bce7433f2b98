# SPDX-License-Identifier: Apache-2.0
"""fits, predict and laws: what scripts read, what people read, and the exit codes of refusals."""
import json
import math
import pathlib

import cli_support
from cli_support import CliTest


class FitTest(CliTest):
    def test_create_prints_the_finished_fit(self):
        self.make_study()
        fit = self.run_json("fits", "create", "--study", "s", "--law", "lr-power-nd", "--estimator", "band", "--band", "0.002",
                            "--bootstrap", 50, "--seed", 3, "--id", "rate")
        self.assertEqual(fit["name"], "studies/s/fits/rate")
        self.assertEqual(fit["law"], "lr-power-nd")
        self.assertEqual(fit["estimator"], "band")
        self.assertEqual(fit["state"], "FIT_SUCCEEDED")
        self.assertIsInstance(fit["runs_used"], int)
        self.assertIsInstance(fit["objective"], float)
        for key in ("starts", "starts_at_optimum", "condition_number", "warnings"):
            self.assertIn(key, fit)
        values = {p["name"]: p for p in fit["parameters"]}
        self.assertAlmostEqual(values["a"]["estimate"], cli_support.RATE_N, delta=0.05)
        self.assertAlmostEqual(values["b"]["estimate"], cli_support.RATE_D, delta=0.05)
        for parameter in fit["parameters"]:
            self.assertLessEqual(parameter["low"], parameter["estimate"] + 0.5)
            self.assertLess(parameter["low"], parameter["high"])
        self.assertEqual(self.run_json("fits", "show", "s/rate"), fit)
        self.assertEqual(self.run_json("fits", "watch", "rate", "--study", "s"), fit)
        self.assertEqual([f["name"] for f in self.run_json("fits", "list", "--study", "s")], [fit["name"]])

    def test_evaluates_any_law_at_given_inputs(self):
        answer = self.run_json("laws", "evaluate", "malladi-sqrt-lr", "--at", "eta=3e-4", "--at", "k=4")
        self.assertAlmostEqual(answer["value"], 6e-4, delta=1e-12)
        answer = self.run_json("laws", "evaluate", "surge-lr", "--at", "B=1M", "--parameter", "lr_max=1e-3",
                               "--parameter", "B_noise=4M")
        self.assertAlmostEqual(answer["value"], 8e-4, delta=1e-12)
        answer = self.run_json("laws", "evaluate", "mpl-25m", "--at", "t=20000", "--schedule", "cosine", "--peak", "3e-4",
                               "--final", "3e-5", "--steps", "24000", "--warmup", "2160")
        self.assertTrue(3 < answer["value"] < 3.7)
        _, error = self.run_cli("laws", "evaluate", "malladi-sqrt-lr", "--at", "eta=3e-4", code=67)
        self.assertIn("variables.k", error)
        self.run_cli("laws", "evaluate", "malladi-sqrt-lr", "--at", "eta", code=2)

    def test_no_bootstrap_no_interval(self):
        self.make_study()
        fit = self.run_json("fits", "create", "--study", "s", "--law", "batch-power-d", "--estimator", "band", "--bootstrap", 0)
        for parameter in fit["parameters"]:
            self.assertNotIn("low", parameter)
            self.assertNotIn("high", parameter)

    def test_the_table_names_parameters_and_intervals(self):
        self.make_study()
        out, _ = self.run_cli("fits", "create", "--study", "s", "--law", "lr-power-nd", "--estimator", "band", "--bootstrap", 20)
        for expected in ("PARAMETER", "log_c", "95 % INTERVAL", "studies/s/fits/", "condition number"):
            self.assertIn(expected, out)

    def test_a_law_in_a_variable_that_does_not_vary_is_withheld(self):
        self.make_study(rows=cli_support.sweep_csv(sizes=(1e6,), horizons=(1e8, 2e8, 4e8, 8e8)))
        out, err = self.run_cli("-o", "json", "fits", "create", "--study", "s", "--law", "lr-power-nd", "--estimator", "band",
                                code=4)
        self.assertEqual(out, "")
        self.assertRegex(err, r"(?i)not identifiable")
        self.assertIn("hint:", err)

    def test_what_is_not_there(self):
        self.run_cli("studies", "create", "s")
        for args in (["fits", "create", "--study", "nope", "--law", "lr-power-nd"],
                     ["fits", "create", "--study", "s", "--law", "nope"], ["fits", "show", "s/nope"],
                     ["fits", "watch", "s/nope"], ["laws", "show", "nope"], ["runs", "show", "s/nope"],
                     ["runs", "curve", "s/nope"],
                     ["predict", "--study", "nope", "--params", "1e9", "--tokens", "1e10"]):
            with self.subTest(args=args):
                _, err = self.run_cli(*args, code=64 + 5)
                self.assertIn("nope", err)
                self.assertIn("hint: ", err)

    def test_a_wrong_option_is_named(self):
        self.run_cli("studies", "create", "s")
        _, err = self.run_cli("fits", "create", "--study", "s", "--law", "lr-power-nd", "--loss", "bogus", "--where", "((",
                              code=64 + 3)
        self.assertRegex(err, "filter|loss")


class PredictTest(CliTest):
    def test_every_published_law_answers_without_a_study(self):
        answer = self.run_json("predict", "--params", "1e9", "--tokens", "1e11")
        self.assertEqual(set(answer), {"predictions", "unanswered"})
        by_law = {law: p for p in answer["predictions"] for law in p["laws"]}
        # Step Law, Li et al. 2025 (2503.04715): lr = 1.79 N^-0.713 D^0.307, batch = 0.58 D^0.571 tokens.
        self.assertAlmostEqual(by_law["step-law-lr"]["learning_rate"]["value"] / (1.79 * 1e9**-0.713 * 1e11**0.307), 1, 9)
        self.assertAlmostEqual(by_law["step-law-bs"]["batch_size_tokens"]["value"] / (0.58 * 1e11**0.571), 1, 9)
        for prediction in answer["predictions"]:
            self.assertIsInstance(prediction["warnings"], list)
            for absent in ("learning_rate", "batch_size_tokens", "critical_batch_size_tokens", "loss"):
                self.assertNotEqual(prediction.get(absent, {}), None)
        for item in answer["unanswered"]:
            self.assertTrue(item["reason"])

    def test_numbers_are_read_as_people_write_them(self):
        plain = self.run_json("predict", "--params", "7000000000", "--tokens", "1400000000000", "--law", "step-law-lr")
        for params, tokens in (("7B", "1.4T"), ("7e9", "1.4e12"), ("7G", "1400B"), ("7000m", "+1.4T")):
            self.assertEqual(self.run_json("predict", "--params", params, "--tokens", tokens, "--law", "step-law-lr"), plain)
        out, _ = self.run_cli("predict", "--params", "2^30", "--tokens", "1.4T", "--law", "step-law-lr")
        self.assertIn("N = 1.07374B parameters, D = 1.4T tokens", out)

    def test_a_study_merges_its_fits_into_one_entry(self):
        self.make_study()
        for law in ("lr-power-nd", "batch-power-d"):
            self.run_cli("fits", "create", "--study", "s", "--law", law, "--estimator", "band", "--bootstrap", 50)
        answer = self.run_json("predict", "--study", "s", "--params", "256M", "--tokens", "6.4B")
        self.assertEqual(len(answer["predictions"]), 1)
        prediction = answer["predictions"][0]
        self.assertEqual(len(prediction["fits"]), 2)
        rate, batch = prediction["learning_rate"], prediction["batch_size_tokens"]
        self.assertLess(abs(math.log(rate["value"] / cli_support.best_rate(256e6, 6.4e9))), 0.3)
        self.assertLess(abs(math.log(batch["value"] / cli_support.best_batch(6.4e9))), 0.5)
        self.assertLess(rate["low"], rate["high"])
        self.assertGreater(prediction["extrapolation"]["params"], 1)
        out, _ = self.run_cli("predict", "--study", "s", "--params", "256M", "--tokens", "6.4B")
        row = next(line for line in out.splitlines() if line.startswith("s (2 fits)"))
        self.assertIn("[", row)
        self.assertIn("LEARNING RATE", out)
        csv, _ = self.run_cli("predict", "--study", "s", "--params", "256M", "--tokens", "6.4B", "-o", "csv")
        header, first = csv.splitlines()[:2]
        self.assertTrue(header.startswith("source,quantity,value,low,high"))
        self.assertEqual(float(first.split(",")[2]), rate["value"])

    def test_beyond_the_allowed_extrapolation_is_withheld(self):
        self.make_study()
        self.run_cli("fits", "create", "--study", "s", "--law", "lr-power-nd", "--estimator", "band", "--bootstrap", 0)
        target = ["predict", "--study", "s", "--params", "1e12", "--tokens", "1e14"]
        self.run_cli(*target)
        out, err = self.run_cli("-o", "json", *target, "--max-extrapolation", 10, code=4)
        self.assertEqual(out, "")
        self.assertIn("--max-extrapolation", err)

    def test_a_target_that_is_no_target(self):
        for params, tokens in (("-1", "1e9"), ("0", "1e9"), ("1e9", "0")):
            _, err = self.run_cli("predict", "--params=" + params, "--tokens=" + tokens, code=64 + 3)
            self.assertRegex(err, "params|tokens")


class LawTest(CliTest):
    def test_list_and_show(self):
        laws = {law["name"]: law for law in self.run_json("laws", "list")}
        self.assertIn("laws/step-law-lr", laws)
        self.assertIn("laws/lr-power-nd", laws)
        self.assertTrue(laws["laws/step-law-lr"]["published"])
        shown = self.run_json("laws", "show", "step-law-lr")
        self.assertEqual(shown["predicts"], "learning_rate")
        only = self.run_json("laws", "list", "--predicts", "learning_rate")
        self.assertEqual({law["predicts"] for law in only}, {"learning_rate"})
        out, _ = self.run_cli("laws", "show", "step-law-lr")
        for expected in ("expression", "parameters", "citation"):
            self.assertIn(expected, out)

    def test_a_law_of_ones_own(self):
        toml = self.run_json("laws", "show", "lr-power-nd")["toml"].replace("lr-power-nd", "my-law")
        path = self.write("law.toml", toml)
        self.run_cli("laws", "create", path, "--check")
        self.run_cli("laws", "show", "my-law", code=64 + 5)
        self.assertEqual(self.run_json("laws", "create", path)["name"], "laws/my-law")
        self.assertFalse(self.run_json("laws", "show", "my-law")["built_in"])
        self.run_cli("laws", "create", path, code=64 + 6)

    def test_a_broken_law_is_refused_with_its_place(self):
        _, err = self.run_cli("laws", "create", self.write("law.toml", "id = \"x\"\nexpression = \"N^(\"\n"), code=64 + 3)
        self.assertIn("error: ", err)
        self.run_cli("laws", "create", "absent.toml", code=1)
        self.run_cli("laws", "create", self.write("long.toml", "#" * 70000), code=1)


if __name__ == "__main__":
    cli_support.main()
