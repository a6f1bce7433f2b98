#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fits and predictions from Python, on the calibration runs that ship; and the package as wheel and sdist."""
import csv
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile

import package
import sextant


class AnswersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.server = package.Server(pathlib.Path(cls.scratch.name))
        database = cls.server.database
        runs = package.ROOT / "data/calibration/h100-bytes-t128/runs.csv"
        cli = [package.BIN / "sextant", "--db", database, "--quiet"]
        subprocess.run([*cli, "studies", "create", "bytes", "--loss-unit", "nats-per-byte"], check=True,
                       stdout=subprocess.DEVNULL)
        fields = ("params_non_embedding", "tokens", "learning_rate", "batch_size_tokens")
        subprocess.run([*cli, "runs", "import", runs, "--study", "bytes", "--map", "run_id=run_id", "--map",
                        "loss_nats=val_loss_nats", *(part for name in fields for part in ("--map", f"{name}={name}"))],
                       check=True, stdout=subprocess.DEVNULL)
        with open(runs, encoding="utf-8") as file:
            cls.rows = list(csv.DictReader(file))
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.scratch.cleanup()

    def test_runs_come_as_columns(self):
        runs = sextant.runs("bytes", server=self.server.address)
        self.assertEqual(len(runs["run"]), len(self.rows))
        by_id = dict(zip(runs["run"], runs["loss_nats"]))
        for row in self.rows:
            self.assertEqual(by_id[row["run_id"]], float(row["val_loss_nats"]))
        few = sextant.runs("bytes", filter="params_non_embedding < 1M", server=self.server.address)
        self.assertEqual(len(few["run"]), sum(float(row["params_non_embedding"]) < 1e6 for row in self.rows))

    def test_a_budget_becomes_plans(self):
        plans = sextant.plan(flops=1e21, law=["chinchilla-epoch", "step-law-lr"], server=self.server.address)
        self.assertTrue(plans)
        for plan in plans:
            self.assertAlmostEqual(6 * plan.params.value * plan.tokens.value / 1e21, 1, delta=0.05)
            self.assertIn("learning_rate", str(plan))
            self.assertIn("<caption>", plan._repr_html_())
        with self.assertRaises(sextant.SextantError):
            sextant.plan(flop=1e21, server=self.server.address)
        with self.assertRaises(sextant.SextantError):
            sextant.plan(flops=-1, server=self.server.address)

    def test_fits_show_themselves_in_notebooks(self):
        hostile = sextant.Fit("studies/x/fits/y", "<script>", "succeeded", "a&b", 3, {"a": (1.0, None, None), "b": (2.0, 1.0, 3.0)},
                              ("<img src=x>",), "")
        html = hostile._repr_html_()
        self.assertNotIn("<script>", html)
        self.assertNotIn("<img", html)
        self.assertIn("1 to 3", html)

    def test_a_fit_answers_with_an_interval(self):
        seen = []
        fit = sextant.fit("bytes", "lr-power-nd", progress=seen.append, estimator="band", bootstrap_replicates=50,
                          server=self.server.address)
        self.assertEqual((fit.state, fit.estimator), ("succeeded", "band"))
        self.assertEqual(seen[-1].name, fit.name)
        self.assertIn(fit.name, [each.name for each in sextant.fits("bytes", server=self.server.address)])
        estimate, low, high = fit.parameters["a"]
        self.assertTrue(low <= estimate <= high, fit.parameters)
        (answer,) = sextant.predict(params=50e6, tokens=1e9, fit=fit.name, server=self.server.address)
        self.assertTrue(answer.learning_rate.low < answer.learning_rate.value < answer.learning_rate.high)
        self.assertIn("learning_rate", str(answer))
        self.assertIn("<td>", answer._repr_html_())

    def test_a_long_fit_tells_how_far_it_has_come(self):
        seen = []
        sextant.fit("bytes", "loss-chinchilla", progress=seen.append, bootstrap_replicates=10_000, server=self.server.address)
        stages = [(each.phase, each.fraction) for each in seen if each.state == "running" and each.fraction is not None]
        self.assertTrue(stages, [each.phase for each in seen])
        self.assertTrue(all(0 <= fraction <= 1 for _, fraction in stages), stages)

    def test_the_next_runs_are_suggested(self):
        suggestion = sextant.suggest("bytes", target_params=50e6, target_tokens=1e9, budget_flops=1e17, max_runs=5, server=self.server.address)
        self.assertEqual(len(suggestion.runs["learning_rate"]), 5)
        self.assertLess(suggestion.excess_loss_after, suggestion.excess_loss_before)
        self.assertIn("<td>", suggestion._repr_html_())
        self.assertIn("<svg", suggestion.chart()._repr_svg_())
        with self.assertRaisesRegex(sextant.SextantError, "SuggestRunsRequest"):
            sextant.suggest("bytes", 1e9, 1e10, 1e18, no_such_option=1, server=self.server.address)

    def test_recipes_and_fits_are_compared(self):
        runs = {"baseline_filter": "batch_size_tokens >= 8192", "candidate_filter": "batch_size_tokens < 8192"}
        comparison = sextant.compare("bytes", "bytes", server=self.server.address, **runs)
        self.assertIn(comparison.verdict, ("better", "worse", "cannot-tell"))
        self.assertTrue(comparison.common["flops"])
        self.assertIn("multiplier", str(comparison))
        self.assertIn("<td>", comparison._repr_html_())
        self.assertIn("<svg", comparison.chart()._repr_svg_())
        scores = sextant.compare_fits("bytes", server=self.server.address)
        self.assertIn("least excess loss", scores.verdict)
        self.assertIn("average", scores.columns["estimator"])
        laws = sextant.compare_fits("bytes", laws=["loss-chinchilla", "loss-kaplan"], server=self.server.address)
        self.assertEqual(sorted(laws.columns["law"]), ["loss-chinchilla", "loss-kaplan"])
        self.assertIn("<caption>", laws._repr_html_())

    def test_charts_are_drawings_without_script(self):
        import xml.dom.minidom
        fit = sextant.fit("bytes", "lr-power-nd", estimator="band", bootstrap_replicates=20, server=self.server.address)
        drawing = sextant.law_chart(fit, [1e6, 4e6], [1e7, 1e8, 1e9], server=self.server.address)
        hostile = sextant.chart("<script>alert(1)</script>", "x & y", "y", [sextant.Series("</text>", [1, 2, 0], [1.0, float("nan"), 3.0])])
        empty = sextant.chart("none", "x", "y", [])
        curve = sextant.Curve(step=[10, 20, 30], train_loss=[3.0, 2.5, float("nan")], validation_loss=[float("nan"), 2.6, 2.4])
        for svg in (drawing._repr_svg_(), hostile.text, empty.text, curve._repr_svg_()):
            root = xml.dom.minidom.parseString(svg).documentElement
            self.assertEqual(root.tagName, "svg")
            self.assertFalse(root.getElementsByTagName("script"))
        self.assertGreater(drawing.text.count("<path"), 4)

    def test_errors_say_what_the_server_said(self):
        with self.assertRaisesRegex(sextant.SextantError, "no-such-law"):
            sextant.fit("bytes", "no-such-law", server=self.server.address)
        with self.assertRaisesRegex(sextant.SextantError, "params"):
            sextant.predict(params=-1, tokens=1e9, server=self.server.address)
        with self.assertRaisesRegex(sextant.SextantError, "bootstrap"):
            sextant.fit("bytes", "lr-power-nd", bootstrap=3, server=self.server.address)

    def test_a_token_is_not_sent_unencrypted(self):
        with self.assertRaisesRegex(ValueError, "unencrypted"):
            sextant.connect("example.invalid:7433", token="secret")


class PackagesTest(unittest.TestCase):
    def test_wheel_and_sdist_hold_the_generated_messages(self):
        with tempfile.TemporaryDirectory() as scratch:
            copy = pathlib.Path(scratch) / "checkout"
            for part in ("clients/python", "proto"):
                subprocess.run(["cp", "-r", "--parents", part, copy if copy.exists() else copy.mkdir() or copy],
                               cwd=package.ROOT, check=True)
            source = copy / "clients/python"
            for kind in ("sdist", "bdist_wheel"):
                subprocess.run([sys.executable, "setup.py", "-q", kind, "-d", scratch], cwd=source, check=True,
                               capture_output=True)
            (wheel,) = pathlib.Path(scratch).glob("*.whl")
            (sdist,) = pathlib.Path(scratch).glob("*.tar.gz")
            self.assertIn("sextant/v1/run_service_pb2.py", zipfile.ZipFile(wheel).namelist())
            self.assertTrue(any(name.endswith("sextant/v1/run_service_pb2.py") for name in tarfile.open(sdist).getnames()))
            done = subprocess.run([sys.executable, "-c", "import sextant; print(sextant.__version__, sextant.predict)"],
                                  env={"PYTHONPATH": str(wheel)}, cwd="/", capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
